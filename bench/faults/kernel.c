/*
 * The kernel's side of bench/faults.mjs: the same patterns as engine.mjs, through the system
 * calls and the memory of this process.
 *
 * Reads lines "NAME", answers each with "NANOSECONDS" per operation; -1 when it has no such
 * pattern. Only what engine.mjs times is timed here.
 *
 *     kernel [OTHERS]     beside OTHERS more mappings of a page each
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define PAGES 1024UL
#define BULK 8192UL
#define HOT 63UL
/* From page to page and from line to line, so that the accesses do not share a set of the cache. */
#define STEP (PAGE + 64)
#define ACCESSES (64 * HOT)
#define CALLS 256UL

static volatile char *block, *bulk, *shared, *copied, *hot, *one;
static int file;
static double begun;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void begin(void) { begun = now(); }
static double took(double times) { return (now() - begun) / times; }

static char *map(unsigned long pages, int flags, int fd) {
  char *at = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (at == MAP_FAILED) exit(1);
  return at;
}

static void store_all(volatile char *at, unsigned long pages) {
  for (unsigned long i = 0; i < pages; i++) at[i * PAGE] = 1;
}
static void load_all(volatile char *at, unsigned long pages) {
  for (unsigned long i = 0; i < pages; i++) (void)at[i * PAGE];
}
static void drop(volatile char *at, unsigned long pages) {
  madvise((void *)at, pages * PAGE, MADV_DONTNEED);
}

static double write_fault(void) {
  drop(block, PAGES);
  begin();
  store_all(block, PAGES);
  return took(PAGES);
}

static double read_fault(void) {
  drop(block, PAGES);
  begin();
  load_all(block, PAGES);
  return took(PAGES);
}

/* A child that sleeps holds a reference to every page. */
static pid_t fork_sleeper(void) {
  pid_t child = fork();
  if (child == 0) for (;;) pause();
  return child;
}
static void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, 0, 0);
}

static double cow_fault(void) {
  store_all(block, PAGES);
  pid_t child = fork_sleeper();
  begin();
  store_all(block, PAGES);
  double ns = took(PAGES);
  end(child);
  return ns;
}

static double reuse_fault(void) {
  store_all(block, PAGES);
  end(fork_sleeper());
  begin();
  store_all(block, PAGES);
  return took(PAGES);
}

static double touch_drop(void) {
  begin();
  for (unsigned long i = 0; i < CALLS; i++) {
    *one = 1;
    drop(one, 1);
  }
  return took(CALLS);
}

static double drop_bulk(void) {
  store_all(bulk, BULK);
  begin();
  drop(bulk, BULK);
  return took(BULK);
}

static double populate(void) {
  begin();
  char *at = map(PAGES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);
  double ns = took(PAGES);
  munmap(at, PAGES * PAGE);
  return ns;
}

static double map_touch_unmap(void) {
  begin();
  for (unsigned long i = 0; i < CALLS; i++) {
    char *at = map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    *(volatile char *)at = 1;
    munmap(at, PAGE);
  }
  return took(CALLS);
}

static double fork_pages(void) {
  store_all(bulk, BULK);
  begin();
  pid_t child = fork_sleeper();
  double ns = took(BULK);
  end(child);
  drop(bulk, BULK);
  return ns;
}

static double file_read(void) {
  drop(shared, PAGES);
  begin();
  load_all(shared, PAGES);
  return took(PAGES);
}

static double file_write(void) {
  drop(shared, PAGES);
  begin();
  store_all(shared, PAGES);
  return took(PAGES);
}

static double file_copy(void) {
  drop(copied, PAGES);
  begin();
  store_all(copied, PAGES);
  return took(PAGES);
}

static double load_hot(void) {
  begin();
  for (unsigned long i = 0; i < ACCESSES; i++) (void)*(volatile int *)(hot + (i % HOT) * STEP);
  return took(ACCESSES);
}

static double store_hot(void) {
  begin();
  for (unsigned long i = 0; i < ACCESSES; i++) *(volatile int *)(hot + (i % HOT) * STEP) = i;
  return took(ACCESSES);
}

static const struct {
  const char *name;
  double (*run)(void);
} patterns[] = {
  {"writeFault", write_fault}, {"readFault", read_fault},   {"cowFault", cow_fault},
  {"reuseFault", reuse_fault}, {"touchDrop", touch_drop},   {"dropBulk", drop_bulk},
  {"populate", populate},      {"fileRead", file_read},     {"fileWrite", file_write},
  {"fileCopy", file_copy},     {"load", load_hot},          {"store", store_hot},
  {"forkPages", fork_pages},   {"mapTouchUnmap", map_touch_unmap},
};

static double measure(const char *name) {
  for (unsigned long i = 0; i < sizeof patterns / sizeof *patterns; i++)
    if (strcmp(patterns[i].name, name) == 0) return patterns[i].run();
  return -1;
}

int main(int argc, char **argv) {
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  /* Neighbours differ, so that they do not merge. */
  for (int i = 0, others = argc > 1 ? atoi(argv[1]) : 0; i < others; i++)
    mmap(0, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  file = memfd_create("pages", 0);
  if (file < 0 || ftruncate(file, PAGES * PAGE) != 0) return 1;
  block = map(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  bulk = map(BULK, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  one = map(1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  hot = map(HOT, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  shared = map(PAGES, MAP_SHARED, file);
  copied = map(PAGES, MAP_PRIVATE, file);
  store_all(hot, HOT);
  store_all(shared, PAGES);

  char name[64];
  while (scanf("%63s", name) == 1) {
    printf("%.3f\n", measure(name));
    fflush(stdout);
  }
  return 0;
}
