/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * CUDA: a microcontroller that talks through the shift register of a VIA 6522 ("Inside
 * Macintosh", "Cuda"; the VIA is MOS Technology's 6522). Bytes go by a handshake on port B:
 *
 *   TIP   low: a packet is under way      TACK  changes with each byte that was written
 *
 * A packet is a byte of its kind, 1 for a command to CUDA itself, and the command. Nothing is
 * read back, and CUDA's own handshake (TREQ) is not waited for: a wait between the steps is
 * enough for what ends the machine.
 */

#include <drivers/cuda.h>

#define PORT_B 0x0000
#define DIRECTION_B 0x0400
#define SHIFT 0x1400
#define AUXILIARY 0x1600

#define B_TACK 0x10
#define B_TIP 0x20
#define AUXILIARY_SHIFT_OUT 0x1c /* by CUDA's clock */

#define PACKET_CUDA 0x01
#define COMMAND_POWER_OFF 0x0a

static void port_b(io_t base, uint8_t clear, uint8_t flip)
{
	io_write8(base + PORT_B, (uint8_t) ((io_read8(base + PORT_B) & ~clear) ^ flip));
}

void cuda_power_off(io_t base, void (*wait)(void))
{
	io_write8(base + DIRECTION_B, B_TACK | B_TIP);
	io_write8(base + AUXILIARY, io_read8(base + AUXILIARY) | AUXILIARY_SHIFT_OUT);
	io_write8(base + PORT_B, io_read8(base + PORT_B) | B_TACK | B_TIP);
	wait();
	io_write8(base + SHIFT, PACKET_CUDA);
	port_b(base, B_TIP, 0);
	wait();
	io_write8(base + SHIFT, COMMAND_POWER_OFF);
	port_b(base, 0, B_TACK);
	wait();
	io_write8(base + PORT_B, io_read8(base + PORT_B) | B_TACK | B_TIP);
	wait();
}
