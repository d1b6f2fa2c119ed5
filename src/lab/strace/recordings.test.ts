import { describe, expect, it } from 'vitest';
import { decodeMemoryCall, type Undecoded } from './decode.ts';
import type { MemoryCall } from './memory_call.ts';
import { readLog } from './read_log.ts';
import type { StraceRecord } from './record.ts';

// Lines of real recordings, as strace 6.1 printed them on Linux 6.18.

const DEFAULT_STYLE = String.raw`
26441 1795163264.473153 execve("/usr/bin/bash", ["bash", "-c", "ls -l /usr/bin | sort | head -5; for i in 1 2 3; do echo $i | cat; done"], 0x7ffcd7b29480 /* 45 vars */) = 0 <0.000252>
26441 1795163264.473572 brk(NULL)       = 0x55791d4fc000 (DELAYED) <0.000034>
26441 1795163264.534009 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0d65f01000 <0.000027>
26441 1795163264.534117 mmap(NULL, 42755, PROT_READ, MAP_PRIVATE, 3</etc/ld.so.cache>, 0) = 0x7f0d65ef6000 <0.000013>
26441 1795163264.536077 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0d65cdea10) = 26442 <0.000312>
26441 1795163264.536541 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0d65cdea10) = 26443 <0.001428>
26441 1795163264.538097 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f0d65cdea10) = 26444 <0.000208>
26442 1795163264.541183 execve("/usr/bin/ls", ["ls", "-l", "/usr/bin"], 0x55791d50d6c0 /* 46 vars */ <unfinished ...>
26443 1795163264.541530 execve("/usr/bin/sort", ["sort"], 0x55791d50d6c0 /* 46 vars */ <unfinished ...>
26442 1795163264.541549 <... execve resumed>) = 0 <0.000349>
26442 1795163264.541611 brk(NULL)       = 0x5652d7fa2000 (DELAYED) <0.000063>
26443 1795163264.543789 <... execve resumed>) = 0 <0.002245>
26443 1795163264.544812 brk(NULL)       = 0x5591579b2000 (DELAYED) <0.000036>
26442 1795163264.602305 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>
26444 1795163264.602352 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>
26442 1795163264.602395 <... mmap resumed>) = 0x7f0afe839000 <0.000045>
26444 1795163264.602407 <... mmap resumed>) = 0x7f77b5ee6000 <0.000049>
26444 1795163264.602579 mmap(NULL, 1974096, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3</usr/lib/x86_64-linux-gnu/libc.so.6>, 0 <unfinished ...>
26442 1795163264.602606 mmap(NULL, 186064, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3</usr/lib/x86_64-linux-gnu/libselinux.so.1>, 0 <unfinished ...>
26444 1795163264.602620 <... mmap resumed>) = 0x7f77b5cf9000 <0.000030>
26442 1795163264.602650 <... mmap resumed>) = 0x7f0afe800000 <0.000033>
26441 1795163264.535033 prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}) = 0 <0.000009>
26443 1795163264.605815 munmap(0x7fb71a0e6000, 42755 <unfinished ...>
26443 1795163264.605853 <... munmap resumed>) = 0 <0.000031>
26443 1795163264.616518 --- SIGPIPE {si_signo=SIGPIPE, si_code=SI_USER, si_pid=26443, si_uid=0} ---
26443 1795163264.616577 --- SIGPIPE {si_signo=SIGPIPE, si_code=SI_TKILL, si_pid=26443, si_uid=0} ---
`;

const THREADS = String.raw`
26654 1795163271.012686 execve("/usr/bin/java", ["java", "-cp", "/home/user", "-Xmx64m", "T"], 0x7fffffffe3b0 /* 45 vars */) = 0 <0.000503>
26654 1795163271.013363 brk(NULL)       = 0x555555559000 (DELAYED) <0.000009>
26654 1795163271.073865 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7ffff7fc0000 <0.000047>
26654 1795163271.107812 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, child_tid=0x7ffff691f990, parent_tid=0x7ffff691f990, exit_signal=0, stack=0x7ffff6820000, stack_size=0xfef80, tls=0x7ffff691f6c0} => {parent_tid=[26655]}, 88) = 26655 <0.000255>
26655 1795163271.108190 mmap(NULL, 134217728, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = 0x7fffee600000 <0.000022>
26655 1795163271.108234 munmap(0x7fffee600000, 27262976) = 0 <0.000014>
26655 1795163271.108276 munmap(0x7ffff4000000, 39845888) = 0 <0.000010>
26655 1795163271.122622 mmap(0x7ffff6404000, 20480, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x7ffff6404000 <0.000018>
26655 1795163271.122829 --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---
26655 1795163271.124052 mprotect(0x7ffff002a000, 4096, PROT_READ|PROT_WRITE) = 0 <0.001711>
26655 1795163271.126049 mprotect(0x7ffff002b000, 20480, PROT_READ|PROT_WRITE) = 0 <0.000014>
26656 1795163271.127255 munmap(0x7fffd8000000, 20971520) = 0 <0.000011>
26656 1795163271.127284 mprotect(0x7fffd4000000, 135168, PROT_READ|PROT_WRITE) = 0 <0.000011>
26655 1795163271.127398 mprotect(0x7ffff003a000, 4096, PROT_READ|PROT_WRITE <unfinished ...>
26656 1795163271.127451 prctl(PR_SET_NAME, "GC Thread#0" <unfinished ...>
26655 1795163271.127475 <... mprotect resumed>) = 0 <0.000069>
26656 1795163271.127492 <... prctl resumed>) = 0 <0.000027>
26655 1795163271.127515 mmap(NULL, 1052672, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK, -1, 0) = 0x7ffff5da0000 <0.000051>
26655 1795163271.127621 mprotect(0x7ffff5da1000, 1048576, PROT_READ|PROT_WRITE) = 0 <0.000055>
26655 1795163271.127764 mprotect(0x7ffff003b000, 4096, PROT_READ|PROT_WRITE) = 0 <0.000071>
26655 1795163271.192015 clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, child_tid=0x7ffff521d990, parent_tid=0x7ffff521d990, exit_signal=0, stack=0x7ffff511e000, stack_size=0xfef80, tls=0x7ffff521d6c0} <unfinished ...>
26655 1795163271.192235 <... clone3 resumed> => {parent_tid=[26665]}, 88) = 26665 <0.000207>
26665 1795163271.192441 mmap(NULL, 134217728, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0) = 0x7fff60000000 <0.000084>
26665 1795163271.192574 munmap(0x7fff64000000, 67108864) = 0 <0.000051>
26665 1795163271.192675 mprotect(0x7fff60000000, 135168, PROT_READ|PROT_WRITE) = 0 <0.000044>
26672 1795163271.438592 +++ exited with 0 +++
26658 1795163271.438596 +++ exited with 0 +++
26656 1795163271.446050 +++ exited with 0 +++
26654 1795163271.446079 +++ exited with 0 +++
`;

const RAW_STYLE = String.raw`
26499 1795163266.850942 execve("/usr/bin/gcc", ["gcc", "-O2", "-c", "hello.c", "-o", "/home/user/hello.o"], 0x7fffffffe3a8 /* 45 vars */) = 0 <0.002277>
26499 1795163266.853353 brk(NULL)       = 0x541000 (DELAYED) <0.000008>
26499 1795163266.913710 mmap(NULL, 8192, 0x3, 0x22, -1, 0) = 0x7ffff7fc0000 <0.000027>
26499 1795163266.913826 mmap(NULL, 42755, 0x1, 0x2, 3</etc/ld.so.cache>, 0) = 0x7ffff7fb5000 <0.000014>
26499 1795163266.913980 mmap(NULL, 1974096, 0x1, 0x802, 3</usr/lib/x86_64-linux-gnu/libc.so.6>, 0) = 0x7ffff7dd3000 <0.000010>
26499 1795163266.914013 mmap(0x7ffff7df9000, 1400832, 0x5, 0x812, 3</usr/lib/x86_64-linux-gnu/libc.so.6>, 0x26000) = 0x7ffff7df9000 <0.000024>
26499 1795163266.914055 mmap(0x7ffff7f4f000, 339968, 0x1, 0x812, 3</usr/lib/x86_64-linux-gnu/libc.so.6>, 0x17c000) = 0x7ffff7f4f000 <0.000014>
26499 1795163266.914087 mmap(0x7ffff7fa2000, 24576, 0x3, 0x812, 3</usr/lib/x86_64-linux-gnu/libc.so.6>, 0x1cf000) = 0x7ffff7fa2000 <0.000021>
26499 1795163266.914132 mmap(0x7ffff7fa8000, 53072, 0x3, 0x32, -1, 0) = 0x7ffff7fa8000 <0.000010>
26499 1795163266.914184 mmap(NULL, 12288, 0x3, 0x22, -1, 0) = 0x7ffff7dd0000 <0.000010>
26499 1795163266.914215 arch_prctl(0x1002, 0x7ffff7dd0740) = 0 <0.000008>
26499 1795163266.914317 mprotect(0x7ffff7fa2000, 16384, 0x1) = 0 <0.000015>
26499 1795163266.914964 prlimit64(0, 0x3, NULL, {rlim_cur=8388608, rlim_max=18446744073709551615}) = 0 <0.000008>
26499 1795163266.914991 prlimit64(0, 0x3, {rlim_cur=67108864, rlim_max=18446744073709551615}, NULL) = 0 <0.000008>
26499 1795163266.915326 vfork( <unfinished ...>
26500 1795163266.915613 execve("/usr/lib/gcc/x86_64-linux-gnu/12/cc1", ["/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "-quiet", "-imultiarch", "x86_64-linux-gnu", "hello.c", "-quiet", "-dumpdir", "/home/user/", "-dumpbase", "hello.c", "-dumpbase-ext", ".c", "-mtune=generic", "-march=x86-64", "-O2", "-fasynchronous-unwind-tables", "-o", "/var/tmp/ccWf9HUf.s"], 0x56cd70 /* 49 vars */ <unfinished ...>
26499 1795163266.917381 <... vfork resumed>) = 26500 <0.002046>
26500 1795163266.921750 <... execve resumed>) = 0 <0.006103>
26500 1795163266.921828 brk(NULL)       = 0x256d000 (DELAYED) <0.000008>
26500 1795163266.982250 mmap(NULL, 8192, 0x3, 0x22, -1, 0) = 0x7ffff7fc0000 <0.000027>
26499 1795163267.196778 --- SIGCHLD {si_signo=17, si_code=0x1, si_pid=26500, si_uid=0, si_status=0, si_utime=1, si_stime=0} ---
26501 1795163267.197086 execve("/usr/lib/perf-core/as", ["as", "--64", "-o", "/home/user/hello.o", "/var/tmp/ccWf9HUf.s"], 0x56cd70 /* 49 vars */) = -1 ENOENT (No such file or directory) <0.000029>
26499 1795163267.196867 vfork( <unfinished ...>
26499 1795163267.198031 <... vfork resumed>) = 26501 <0.001156>
26501 1795163267.415949 +++ exited with 0 +++
26499 1795163267.416492 exit_group(0)   = ?
26499 1795163267.566947 +++ exited with 0 +++
`;

const VERBOSE_STYLE = String.raw`
26550 1795163268.228027 execve("/usr/bin/perl", ["perl", "-e", "my @a=map{\"x\"x100000} 1..200; print length(join(\"\",@a)),\"\\n\""], 0x7fffffffe380 /* 45 vars */) = 0 <0.000572>
26550 1795163268.228756 brk(NULL)       = 0x5555558fb000 (DELAYED) <0.000008>
26550 1795163268.294228 mmap(NULL, 8192, 0x3 /* PROT_READ|PROT_WRITE */, 0x22 /* MAP_PRIVATE|MAP_ANONYMOUS */, -1, 0) = 0x7ffff7fc0000 <0.000028>
26550 1795163268.294343 mmap(NULL, 42755, 0x1 /* PROT_READ */, 0x2 /* MAP_PRIVATE */, 3</etc/ld.so.cache>, 0) = 0x7ffff7fb5000 <0.000013>
26550 1795163268.294452 mmap(NULL, 913680, 0x1 /* PROT_READ */, 0x802 /* MAP_PRIVATE|MAP_DENYWRITE */, 3</usr/lib/x86_64-linux-gnu/libm.so.6>, 0) = 0x7ffff7ed5000 <0.000010>
26550 1795163268.294483 mmap(0x7ffff7ee5000, 475136, 0x5 /* PROT_READ|PROT_EXEC */, 0x812 /* MAP_PRIVATE|MAP_FIXED|MAP_DENYWRITE */, 3</usr/lib/x86_64-linux-gnu/libm.so.6>, 0x10000) = 0x7ffff7ee5000 <0.000024>
26550 1795163268.295031 arch_prctl(0x1002 /* ARCH_SET_FS */, 0x7ffff7cb5b80) = 0 <0.000008>
26550 1795163268.295143 mprotect(0x7ffff7ec2000, 16384, 0x1 /* PROT_READ */) = 0 <0.000016>
26550 1795163268.295187 mprotect(0x7ffff7ce9000, 4096, 0x1 /* PROT_READ */) = 0 <0.000012>
26550 1795163268.295235 mprotect(0x7ffff7fb3000, 4096, 0x1 /* PROT_READ */) = 0 <0.000012>
26550 1795163268.295355 mprotect(0x5555558e3000, 61440, 0x1 /* PROT_READ */) = 0 <0.000014>
26550 1795163268.295392 mprotect(0x7ffff7ffb000, 8192, 0x1 /* PROT_READ */) = 0 <0.000016>
26550 1795163268.295442 prlimit64(0, 0x3 /* RLIMIT_STACK */, NULL, {rlim_cur=8388608 /* 8192*1024 */, rlim_max=18446744073709551615 /* RLIM64_INFINITY */}) = 0 <0.000010>
26550 1795163268.311743 brk(0x555556c57000) = 0x555556c57000 <0.000008>
26550 1795163268.311877 brk(0x555556c88000) = 0x555556c88000 <0.000008>
26550 1795163268.311973 mmap(NULL, 20000768, 0x3 /* PROT_READ|PROT_WRITE */, 0x22 /* MAP_PRIVATE|MAP_ANONYMOUS */, -1, 0) = 0x7ffff6944000 <0.000019>
26550 1795163268.324414 mremap(0x7ffff6944000, 20000768, 24879104, 0x1 /* MREMAP_MAYMOVE */) = 0x7ffff518a000 <0.000109>
26550 1795163268.324713 munmap(0x7ffff518a000, 24879104) = 0 <0.001287>
26550 1795163268.326086 exit_group(0)   = ?
26550 1795163268.478051 +++ exited with 0 +++
`;

const SAME_DEFAULT = String.raw`
syscall_0x1ce(0x10000, 0x1000, 0, 0x7, 0x10f, 0x55555592d068) = -1 ENOMEM (Cannot allocate memory)
userfaultfd(0)  = 3<anon_inode:[userfaultfd]>
memfd_create("foo", MFD_CLOEXEC) = 4</memfd:foo>(deleted)
ftruncate(4</memfd:foo>(deleted), 8192) = 0
mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED, 4</memfd:foo>(deleted), 0) = 0x7ffff7c55000
mbind(0x7ffff7c55000, 4096, MPOL_BIND, [0x00000000000001], 65, MPOL_MF_STRICT|MPOL_MF_MOVE) = 0
madvise(0x7ffff7c55000, 8192, MADV_DONTNEED) = 0
madvise(0x7ffff7c55000, 4096, 0x66 /* MADV_??? */) = 0
madvise(0x7ffff7c55000, 4096, MADV_COLLAPSE) = -1 EINVAL (Invalid argument)
mincore(0x7ffff7c55000, 8192, [0, 0]) = 0
msync(0x7ffff7c55000, 8192, MS_SYNC) = 0
mlock2(0x7ffff7c55000, 4096, MLOCK_ONFAULT) = 0
munlock(0x7ffff7c55000, 4096) = 0
mlockall(MCL_CURRENT) = 0
prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0x7ffff7c55000, 4096, "my [name]\"x") = -1 EINVAL (Invalid argument)
prctl(0x41 /* PR_??? */, 0x1, 0, 0, 0) = 0
prctl(0x42 /* PR_??? */, 0, 0, 0, 0) = 1
personality(0xffffffff) = 0x40000 (PER_LINUX|ADDR_NO_RANDOMIZE)
remap_file_pages(0x7ffff7c55000, 4096, PROT_NONE, 1, MAP_FILE) = 0
mremap(0x7ffff7c55000, 4096, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7f0000000000) = 0x7f0000000000
openat(AT_FDCWD</home/user>, "/dev/zero", O_RDWR) = 7</dev/zero>
dup3(3<anon_inode:[userfaultfd]>, 21, O_CLOEXEC) = 21<anon_inode:[userfaultfd]>
fcntl(3<anon_inode:[userfaultfd]>, F_GETFD) = 0
pkey_mprotect(0x7ffff7c55000, 4096, PROT_READ, -1) = -1 ENOMEM (Cannot allocate memory)
mmap(NULL, 18446744073709551615, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mmap(0x10000, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT|MAP_FIXED_NOREPLACE|1<<MAP_HUGE_SHIFT, -1, 0xfffffffff000) = -1 EACCES (Permission denied)
setrlimit(RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max=8192*1024}) = 0
getrlimit(RLIMIT_NOFILE, {rlim_cur=20000, rlim_max=20000}) = 0
exit_group(13)  = ?
`;

const SAME_RAW = String.raw`
syscall_0x1ce(0x10000, 0x1000, 0, 0x7, 0x10f, 0x55555592d068) = -1 ENOMEM (Cannot allocate memory)
userfaultfd(0)  = 3<anon_inode:[userfaultfd]>
memfd_create("foo", 0x1) = 4</memfd:foo>(deleted)
ftruncate(4</memfd:foo>(deleted), 8192) = 0
mmap(NULL, 8192, 0x3, 0x1, 4</memfd:foo>(deleted), 0) = 0x7ffff7c55000
mbind(0x7ffff7c55000, 4096, 0x2, [0x00000000000001], 65, 0x3) = 0
madvise(0x7ffff7c55000, 8192, 0x4) = 0
madvise(0x7ffff7c55000, 4096, 0x66) = 0
madvise(0x7ffff7c55000, 4096, 0x19) = -1 EINVAL (Invalid argument)
mincore(0x7ffff7c55000, 8192, [0, 0]) = 0
msync(0x7ffff7c55000, 8192, 0x4) = 0
mlock2(0x7ffff7c55000, 4096, 0x1) = 0
munlock(0x7ffff7c55000, 4096) = 0
mlockall(0x1)   = 0
prctl(0x53564d41, 0, 0x7ffff7c55000, 4096, "my [name]\"x") = -1 EINVAL (Invalid argument)
prctl(0x41, 0x1, 0, 0, 0) = 0
prctl(0x42, 0, 0, 0, 0) = 1
personality(0xffffffff) = 0x40000 (0|0x40000)
remap_file_pages(0x7ffff7c55000, 4096, 0, 1, 0) = 0
mremap(0x7ffff7c55000, 4096, 8192, 0x3, 0x7f0000000000) = 0x7f0000000000
openat(-100</home/user>, "/dev/zero", 0x2) = 7</dev/zero>
dup3(3<anon_inode:[userfaultfd]>, 21, 0x80000) = 21<anon_inode:[userfaultfd]>
fcntl(3<anon_inode:[userfaultfd]>, 0x1) = 0
pkey_mprotect(0x7ffff7c55000, 4096, 0x1, -1) = -1 ENOMEM (Cannot allocate memory)
mmap(NULL, 18446744073709551615, 0x3, 0x22, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mmap(NULL, 4096, 0x3, 0x54040022, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mmap(0x10000, 4096, 0x7, 0x4100062, -1, 0xfffffffff000) = -1 EACCES (Permission denied)
setrlimit(0x3, {rlim_cur=8388608, rlim_max=8388608}) = 0
getrlimit(0x7, {rlim_cur=20000, rlim_max=20000}) = 0
exit_group(13)  = ?
`;

const SAME_VERBOSE = String.raw`
syscall_0x1ce(0x10000, 0x1000, 0, 0x7, 0x10f, 0x55555592d068) = -1 ENOMEM (Cannot allocate memory)
userfaultfd(0)  = 3<anon_inode:[userfaultfd]>
memfd_create("foo", 0x1 /* MFD_CLOEXEC */) = 4</memfd:foo>(deleted)
ftruncate(4</memfd:foo>(deleted), 8192) = 0
mmap(NULL, 8192, 0x3 /* PROT_READ|PROT_WRITE */, 0x1 /* MAP_SHARED */, 4</memfd:foo>(deleted), 0) = 0x7ffff7c55000
mbind(0x7ffff7c55000, 4096, 0x2 /* MPOL_BIND */, [0x00000000000001], 65, 0x3 /* MPOL_MF_STRICT|MPOL_MF_MOVE */) = 0
madvise(0x7ffff7c55000, 8192, 0x4 /* MADV_DONTNEED */) = 0
madvise(0x7ffff7c55000, 4096, 0x66 /* MADV_??? */) = 0
madvise(0x7ffff7c55000, 4096, 0x19 /* MADV_COLLAPSE */) = -1 EINVAL (Invalid argument)
mincore(0x7ffff7c55000, 8192, [0, 0]) = 0
msync(0x7ffff7c55000, 8192, 0x4 /* MS_SYNC */) = 0
mlock2(0x7ffff7c55000, 4096, 0x1 /* MLOCK_ONFAULT */) = 0
munlock(0x7ffff7c55000, 4096) = 0
mlockall(0x1 /* MCL_CURRENT */) = 0
prctl(0x53564d41 /* PR_SET_VMA */, 0 /* PR_SET_VMA_ANON_NAME */, 0x7ffff7c55000, 4096, "my [name]\"x") = -1 EINVAL (Invalid argument)
prctl(0x41 /* PR_??? */, 0x1, 0, 0, 0) = 0
prctl(0x42 /* PR_??? */, 0, 0, 0, 0) = 1
personality(0xffffffff) = 0x40000 (0 /* PER_LINUX */|0x40000 /* ADDR_NO_RANDOMIZE */)
remap_file_pages(0x7ffff7c55000, 4096, 0 /* PROT_NONE */, 1, 0 /* MAP_FILE */) = 0
mremap(0x7ffff7c55000, 4096, 8192, 0x3 /* MREMAP_MAYMOVE|MREMAP_FIXED */, 0x7f0000000000) = 0x7f0000000000
openat(-100 /* AT_FDCWD */</home/user>, "/dev/zero", 0x2 /* O_RDWR */) = 7</dev/zero>
dup3(3<anon_inode:[userfaultfd]>, 21, 0x80000 /* O_CLOEXEC */) = 21<anon_inode:[userfaultfd]>
fcntl(3<anon_inode:[userfaultfd]>, 0x1 /* F_GETFD */) = 0
pkey_mprotect(0x7ffff7c55000, 4096, 0x1 /* PROT_READ */, -1) = -1 ENOMEM (Cannot allocate memory)
mmap(NULL, 18446744073709551615, 0x3 /* PROT_READ|PROT_WRITE */, 0x22 /* MAP_PRIVATE|MAP_ANONYMOUS */, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mmap(NULL, 4096, 0x3 /* PROT_READ|PROT_WRITE */, 0x54040022 /* MAP_PRIVATE|MAP_ANONYMOUS|MAP_HUGETLB|21<<MAP_HUGE_SHIFT */, -1, 0) = -1 ENOMEM (Cannot allocate memory)
mmap(0x10000, 4096, 0x7 /* PROT_READ|PROT_WRITE|PROT_EXEC */, 0x4100062 /* MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT|MAP_FIXED_NOREPLACE|1<<MAP_HUGE_SHIFT */, -1, 0xfffffffff000) = -1 EACCES (Permission denied)
setrlimit(0x3 /* RLIMIT_STACK */, {rlim_cur=8388608 /* 8192*1024 */, rlim_max=8388608 /* 8192*1024 */}) = 0
getrlimit(0x7 /* RLIMIT_NOFILE */, {rlim_cur=20000, rlim_max=20000}) = 0
exit_group(13)  = ?
`;

const decodedOf = (records: readonly StraceRecord[]): (MemoryCall | Undecoded | null)[] =>
  records.flatMap((record) => (record.kind === 'call' ? [decodeMemoryCall(record)] : []));

describe.each([
  ['a pipeline of processes, default style', DEFAULT_STYLE],
  ['threads, default style', THREADS],
  ['a compiler driver, -X raw', RAW_STYLE],
  ['an interpreter, -X verbose', VERBOSE_STYLE],
])('%s', (_, log) => {
  const records = readLog(log);

  it('is read whole, and no line is malformed', () => {
    expect(records.filter((record) => record.kind === 'malformed')).toEqual([]);
    const resumed = records.filter((record) => record.kind === 'call' && record.resumed !== null);
    expect(records.length + resumed.length).toBe(log.trim().split('\n').length);
  });

  it('is decoded whole', () => {
    for (const call of decodedOf(records)) {
      expect(call).not.toBeNull();
      expect(call).not.toHaveProperty('malformed');
    }
  });

  it('is in order, and never ends a call before it began', () => {
    let last = 0;
    for (const record of records) {
      const end = record.kind === 'call' ? (record.resumed?.line ?? record.line) : record.line;
      expect(end).toBeGreaterThan(last);
      expect(end).toBeGreaterThanOrEqual(record.line);
      last = end;
    }
  });
});

describe('one program recorded in three styles', () => {
  it('gives the same calls, number for number', () => {
    const calls = decodedOf(readLog(SAME_DEFAULT));
    expect(calls.length).toBe(SAME_DEFAULT.trim().split('\n').length);
    expect(decodedOf(readLog(SAME_RAW))).toEqual(calls);
    expect(decodedOf(readLog(SAME_VERBOSE))).toEqual(calls);
    for (const call of calls) expect(call).not.toHaveProperty('malformed');
  });
});
