#include <arch/host.h>
#include <test.h>
#include <stdio.h>
#define N 4096
#define NI __attribute__((noinline))
static struct page_table *t;
static uintptr_t P;
void zz_insert_each(void); void zz_remove_each(void); void zz_find_each(void); void zz_update_each(void); void zz_insert_range(void); void zz_remove_range(void); void zz_insert_sparse(void); void zz_remove_sparse(void); void zz_find_sparse(void); void zz_find_full(void);void zz_large(void); void zz_update_range(void);
NI void zz_insert_each(void){for(size_t i=0;i<N;i++)(void)!page_mapping_insert(t,P+i*PAGE_SIZE,MiB(512)+i*PAGE_SIZE,1,3,FRAME_ATOMIC);}
NI void zz_find_each(void){phys_t pa;for(size_t i=0;i<N;i++)(void)!page_translate(t,P+i*PAGE_SIZE,&pa);}
NI void zz_find_full(void){for(size_t i=0;i<N;i++)(void)page_mapping_find(t,P+i*PAGE_SIZE);}
NI void zz_update_each(void){for(size_t i=0;i<N;i++)(void)!page_mapping_update(t,P+i*PAGE_SIZE,1,1,FRAME_ATOMIC);}
NI void zz_remove_each(void){for(size_t i=0;i<N;i++)page_mapping_remove(t,P+i*PAGE_SIZE,1);}
NI void zz_insert_range(void){(void)!page_mapping_insert(t,P,MiB(512)+PAGE_SIZE,N,3,FRAME_ATOMIC);}
NI void zz_update_range(void){(void)!page_mapping_update(t,P,N,1,FRAME_ATOMIC);}
NI void zz_remove_range(void){page_mapping_remove(t,P,N);}
NI void zz_insert_sparse(void){for(size_t i=0;i<N;i++)(void)!page_mapping_insert(t,P+i*77*PAGE_SIZE,MiB(512)+i*PAGE_SIZE,1,3,FRAME_ATOMIC);}
NI void zz_find_sparse(void){phys_t pa;for(size_t i=0;i<N;i++)(void)!page_translate(t,P+i*77*PAGE_SIZE,&pa);}
NI void zz_remove_sparse(void){for(size_t i=0;i<N;i++)page_mapping_remove(t,P+i*77*PAGE_SIZE,1);}
static size_t fr(void){struct frame_info f;frame_reclaim(RECLAIM_FULL,true);frame_get_info(&f);return f.free+f.cached;}
TEST(zz_bench,"x",.host_only="x"){
 size_t a,b;
 t=page_table_create(0);P=USER_START+MiB(512);
 a=fr();zz_insert_each();b=fr();test_note("dense bytes/page %zu",(a-b)*4096/N);zz_find_each();zz_find_full();zz_update_each();zz_remove_each();
 zz_insert_range();zz_update_range();zz_remove_range();
 a=fr();zz_insert_sparse();b=fr();test_note("sparse bytes/page %zu",(a-b)*4096/N);zz_find_sparse();zz_remove_sparse();
 page_table_destroy(t);
}
