/*
 * The kernel's side of bench/fork.mjs: forks of this process, which has
 *
 *     kernel VMAS PAGES LIMIT_AT
 *
 * VMAS mappings of PAGES pages with a hole behind each, all written. LIMIT_AT, unless -1: behind
 * so many of them lies one of 1.5 times the memory, made of two halves that were each allowed; a
 * fork is refused (ENOMEM) when it comes to it, unless the system overcommits always.
 *
 * Reads lines "fork", "exit" and "fail", answers each with the nanoseconds of one; -1 when it
 * was not what was asked for.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define BASE 0x200000000000UL
#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void map(unsigned long at, unsigned long bytes, int flags) {
  if (mmap((void *)at, bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) exit(1);
}

static void furnish(unsigned long vmas, unsigned long pages, long limit_at) {
  unsigned long at = BASE;
  unsigned long half = (unsigned long)sysconf(_SC_PHYS_PAGES) * 3 / 4 * PAGE;
  for (unsigned long i = 0; i <= vmas; i++) {
    if ((long)i == limit_at) {
      map(at, half, FLAGS);
      map(at + half, half, FLAGS);
      at += 2 * half + PAGE;
    }
    if (i == vmas) break;
    map(at, (pages ? pages : 1) * PAGE, FLAGS);
    for (unsigned long page = 0; page < pages; page++) *(volatile char *)(at + page * PAGE) = 1;
    at += ((pages ? pages : 1) + 1) * PAGE;
  }
}

static double time_fork(void) {
  double begun = now();
  pid_t child = fork();
  double took = now() - begun;
  if (child == 0) for (;;) pause();
  if (child < 0) return -1;
  kill(child, SIGKILL);
  waitpid(child, 0, 0);
  return took;
}

/* From the word to go until its parent knows. */
static double time_exit(void) {
  int gate[2];
  char byte = 0;
  if (pipe(gate) != 0) return -1;
  pid_t child = fork();
  if (child == 0) {
    if (read(gate[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  usleep(2000); /* until it sleeps */
  double begun = now();
  if (child < 0 || write(gate[1], &byte, 1) != 1) return -1;
  waitpid(child, 0, 0);
  double took = now() - begun;
  close(gate[0]);
  close(gate[1]);
  return took;
}

/* The last of some: what was done before differs from row to row. */
static double time_failure(void) {
  for (int i = 0; i < 8; i++) {
    pid_t early = fork();
    if (early == 0) _exit(0);
    if (early > 0) waitpid(early, 0, 0);
  }
  double begun = now();
  pid_t child = fork();
  double took = now() - begun;
  if (child == 0) _exit(0);
  if (child < 0) return took;
  waitpid(child, 0, 0);
  return -1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 1;
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  furnish(strtoul(argv[1], 0, 0), strtoul(argv[2], 0, 0), strtol(argv[3], 0, 0));
  char name[64];
  while (scanf("%63s", name) == 1) {
    double took = -1;
    if (!strcmp(name, "fork")) took = time_fork();
    if (!strcmp(name, "exit")) took = time_exit();
    if (!strcmp(name, "fail")) took = time_failure();
    printf("%.3f\n", took);
    fflush(stdout);
  }
  return 0;
}
