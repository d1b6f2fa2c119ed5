/**
 * The machine code of the stub: x86-64, position independent, 721 bytes.
 *
 * It answers requests read from one fd on another until end of file.  `request.ts` describes both
 * sides' records.  Its life: the first start only fixes what must be fixed before an exec (stack
 * limit, personality ADDR_NO_RANDOMIZE) and executes itself; the second one serves.  Threads run
 * the same code, each with its fds and its work area in registers; none uses the stack, which they
 * share.
 *
 * Bytes left of the semicolon are the program; what follows it is for people.
 */

/** Where the stub's one writable mapping lies: a work area for each thread, the first one's first. */
export const AREA_START = 0x300000;
export const AREA_BYTES = 0xc000;
export const AREAS = 16;

/** How a work area is divided. */
export const RESULTS_AT = 0x1000; // behind the requests; 1 page, of which 0x600 bytes are results
export const TIMER_AT = 0x1800; // the number of the timer that watches over the thread, 8 bytes
export const PATIENCE_AT = 0x1808; // an itimerspec: how long a batch may last; then one of zeroes
export const SIGEVENT_AT = 0x1850; // a sigevent: what the timer does, 64 bytes
export const SCRATCH_AT = 0x2000; // free for callers, 2 pages
export const SIGNAL_STACK_AT = 0x4000; // 8 pages
export const SCRATCH_BYTES = SIGNAL_STACK_AT - SCRATCH_AT;
export const SIGNAL_STACK_BYTES = AREA_BYTES - SIGNAL_STACK_AT;

const LISTING = `
_start:                   ; first life (argc is not 2): stack limit, no ASLR, exec itself
  83 3c 24 02             ; cmp dword [rsp], 0x2
  74 49                   ; je second
  68 00 00 80 00          ; push 0x800000
  58                      ; pop rax
  50                      ; push rax
  50                      ; push rax
  b8 2e 01 00 00          ; mov eax, 0x12e
  31 ff                   ; xor edi, edi
  be 03 00 00 00          ; mov esi, 0x3
  48 89 e2                ; mov rdx, rsp
  45 31 d2                ; xor r10d, r10d
  0f 05                   ; syscall
  b8 87 00 00 00          ; mov eax, 0x87
  bf 00 00 04 00          ; mov edi, 0x40000
  0f 05                   ; syscall
  48 8d 3d 8d 02 00 00    ; lea rdi, self
  6a 00                   ; push 0x0
  48 89 e2                ; mov rdx, rsp
  57                      ; push rdi
  57                      ; push rdi
  48 89 e6                ; mov rsi, rsp
  b8 3b 00 00 00          ; mov eax, 0x3b
  0f 05                   ; syscall
out:                      ; exit(0) of this thread, when whoever wrote requests is gone
  b8 3c 00 00 00          ; mov eax, 0x3c
  31 ff                   ; xor edi, edi
  0f 05                   ; syscall
second:                   ; second life: close_range, pipes 3..6, work areas, signal stack
  b8 b4 01 00 00          ; mov eax, 0x1b4
  bf 03 00 00 00          ; mov edi, 0x3
  be ff ff ff ff          ; mov esi, -1
  31 d2                   ; xor edx, edx
  0f 05                   ; syscall
  6a 00                   ; push 0x0
  48 89 e7                ; mov rdi, rsp
  31 f6                   ; xor esi, esi
  b8 25 01 00 00          ; mov eax, 0x125
  0f 05                   ; syscall
  48 89 e7                ; mov rdi, rsp
  31 f6                   ; xor esi, esi
  b8 25 01 00 00          ; mov eax, 0x125
  0f 05                   ; syscall
  41 be 00 00 30 00       ; mov r14d, 0x300000
  41 bf 03 00 00 00       ; mov r15d, 0x3
  bd 06 00 00 00          ; mov ebp, 0x6
  b8 09 00 00 00          ; mov eax, 0x9
  4c 89 f7                ; mov rdi, r14
  be 00 00 0c 00          ; mov esi, 0xc0000
  ba 03 00 00 00          ; mov edx, 0x3
  41 ba 32 00 00 00       ; mov r10d, 0x32
  49 c7 c0 ff ff ff ff    ; mov r8, -1
  45 31 c9                ; xor r9d, r9d
  0f 05                   ; syscall
  68 00 80 00 00          ; push 0x8000
  6a 00                   ; push 0x0
  68 00 40 30 00          ; push 0x304000
  48 89 e7                ; mov rdi, rsp
  31 f6                   ; xor esi, esi
  b8 83 00 00 00          ; mov eax, 0x83
  0f 05                   ; syscall
  6a 00                   ; push 0x0
  48 8d 05 e9 01 00 00    ; lea rax, restorer
  50                      ; push rax
  68 04 00 00 4c          ; push 0x4c000004
  48 8d 05 ba 01 00 00    ; lea rax, handler
  50                      ; push rax
  bf 0b 00 00 00          ; mov edi, 0xb
  e8 0c 00 00 00          ; call catch
  bf 07 00 00 00          ; mov edi, 0x7
  e8 02 00 00 00          ; call catch
  eb 15                   ; jmp batch
catch:                    ; rt_sigaction(edi, the struct pushed above)
  48 8d 74 24 08          ; lea rsi, [rsp+0x8]
  31 d2                   ; xor edx, edx
  41 ba 08 00 00 00       ; mov r10d, 0x8
  b8 0d 00 00 00          ; mov eax, 0xd
  0f 05                   ; syscall
  c3                      ; ret
batch:                    ; r14 area, r15 input, rbp output: read up to 64 requests, set the watch
  31 c0                   ; xor eax, eax
  44 89 ff                ; mov edi, r15d
  4c 89 f6                ; mov rsi, r14
  ba 00 10 00 00          ; mov edx, 0x1000
  0f 05                   ; syscall
  48 85 c0                ; test rax, rax
  0f 8e 23 ff ff ff       ; jle out
  4c 89 f3                ; mov rbx, r14
  4c 8d 2c 03             ; lea r13, [rbx+rax*1]
  4d 8d a6 00 10 00 00    ; lea r12, [r14+0x1000]
  b8 df 00 00 00          ; mov eax, 0xdf
  41 8b be 00 18 00 00    ; mov edi, dword [r14+0x1800]
  31 f6                   ; xor esi, esi
  49 8d 96 08 18 00 00    ; lea rdx, [r14+0x1808]
  45 31 d2                ; xor r10d, r10d
  0f 05                   ; syscall
next:                     ; rbx request, r12 result, r13 end of requests; kind 0 is a system call
  8b 03                   ; mov eax, dword [rbx]
  83 f8 01                ; cmp eax, 0x1
  74 3e                   ; je load
  83 f8 02                ; cmp eax, 0x2
  74 72                   ; je store
  83 f8 03                ; cmp eax, 0x3
  0f 84 c0 00 00 00       ; je fork
  83 f8 04                ; cmp eax, 0x4
  0f 84 f7 00 00 00       ; je thread
  48 8b 43 08             ; mov rax, [rbx+0x8]
  48 8b 7b 10             ; mov rdi, [rbx+0x10]
  48 8b 73 18             ; mov rsi, [rbx+0x18]
  48 8b 53 20             ; mov rdx, [rbx+0x20]
  4c 8b 53 28             ; mov r10, [rbx+0x28]
  4c 8b 43 30             ; mov r8, [rbx+0x30]
  4c 8b 4b 38             ; mov r9, [rbx+0x38]
  0f 05                   ; syscall
  49 89 44 24 08          ; mov [r12+0x8], rax
  31 c0                   ; xor eax, eax
  eb 46                   ; jmp done
load:                     ; kind 1: word at an address, and the weighted sum of that many words
  48 8b 73 08             ; mov rsi, [rbx+0x8]
  48 8b 4b 10             ; mov rcx, [rbx+0x10]
  48 8b 06                ; mov rax, [rsi]
  49 89 44 24 08          ; mov [r12+0x8], rax
  31 d2                   ; xor edx, edx
  bf 01 00 00 00          ; mov edi, 0x1
sum:                      ; rcx words left, rdi weight 1, 3, 5, ..., rdx sum
  48 ff c9                ; dec rcx
  78 14                   ; js summed
  48 8b 06                ; mov rax, [rsi]
  48 0f af c7             ; imul rax, rdi
  48 01 c2                ; add rdx, rax
  48 83 c6 08             ; add rsi, 0x8
  48 83 c7 02             ; add rdi, 0x2
  eb e7                   ; jmp sum
summed:
  49 89 54 24 10          ; mov [r12+0x10], rdx
  31 c0                   ; xor eax, eax
  eb 0d                   ; jmp done
store:                    ; kind 2: a word to an address
  48 8b 73 08             ; mov rsi, [rbx+0x8]
  48 8b 43 10             ; mov rax, [rbx+0x10]
  48 89 06                ; mov [rsi], rax
  31 c0                   ; xor eax, eax
done:                     ; rax is the status; caught signals come here too; last, stop the watch
  49 89 04 24             ; mov [r12], rax
  48 83 c3 40             ; add rbx, 0x40
  49 83 c4 18             ; add r12, 0x18
  4c 39 eb                ; cmp rbx, r13
  0f 82 60 ff ff ff       ; jb next
  b8 df 00 00 00          ; mov eax, 0xdf
  41 8b be 00 18 00 00    ; mov edi, dword [r14+0x1800]
  31 f6                   ; xor esi, esi
  49 8d 96 28 18 00 00    ; lea rdx, [r14+0x1828]
  45 31 d2                ; xor r10d, r10d
  0f 05                   ; syscall
  b8 01 00 00 00          ; mov eax, 0x1
  89 ef                   ; mov edi, ebp
  49 8d b6 00 10 00 00    ; lea rsi, [r14+0x1000]
  4c 89 e2                ; mov rdx, r12
  48 29 f2                ; sub rdx, rsi
  0f 05                   ; syscall
  e9 eb fe ff ff          ; jmp batch
fork:                     ; kind 3: fork; parent goes on, child takes over the two fds given
  b8 39 00 00 00          ; mov eax, 0x39
  0f 05                   ; syscall
  49 89 44 24 08          ; mov [r12+0x8], rax
  48 85 c0                ; test rax, rax
  74 04                   ; je child
  31 c0                   ; xor eax, eax
  eb a1                   ; jmp done
child:                    ; dup2(given, 3), dup2(given, 6), forget the rest of the parent's batch
  41 bf 03 00 00 00       ; mov r15d, 0x3
  bd 06 00 00 00          ; mov ebp, 0x6
  b8 21 00 00 00          ; mov eax, 0x21
  48 8b 7b 08             ; mov rdi, [rbx+0x8]
  44 89 fe                ; mov esi, r15d
  0f 05                   ; syscall
  b8 21 00 00 00          ; mov eax, 0x21
  48 8b 7b 10             ; mov rdi, [rbx+0x10]
  89 ee                   ; mov esi, ebp
  0f 05                   ; syscall
  e9 ab fe ff ff          ; jmp batch
thread:                   ; kind 4: clone; the new thread takes the two fds and the area given
  4c 8b 4b 08             ; mov r9, [rbx+0x8]
  4c 8b 43 10             ; mov r8, [rbx+0x10]
  48 8b 53 18             ; mov rdx, [rbx+0x18]
  b8 38 00 00 00          ; mov eax, 0x38
  bf 00 0f 05 00          ; mov edi, 0x50f00
  31 f6                   ; xor esi, esi
  0f 05                   ; syscall
  48 85 c0                ; test rax, rax
  74 0c                   ; je born
  49 89 44 24 08          ; mov [r12+0x8], rax
  31 c0                   ; xor eax, eax
  e9 4b ff ff ff          ; jmp done
born:                     ; not from memory: the parent may have its next batch already
  4d 89 cf                ; mov r15, r9
  4c 89 c5                ; mov rbp, r8
  49 89 d6                ; mov r14, rdx
  e9 72 fe ff ff          ; jmp batch
handler:                  ; SIGSEGV, SIGBUS: saved rax := signal | si_code << 32, saved rip := done
  8b 46 08                ; mov eax, dword [rsi+0x8]
  48 c1 e0 20             ; shl rax, 0x20
  89 ff                   ; mov edi, edi
  48 09 f8                ; or rax, rdi
  48 89 82 90 00 00 00    ; mov [rdx+0x90], rax
  48 8d 05 23 ff ff ff    ; lea rax, done
  48 89 82 a8 00 00 00    ; mov [rdx+0xa8], rax
  c3                      ; ret
restorer:                 ; rt_sigreturn
  b8 0f 00 00 00          ; mov eax, 0xf
  0f 05                   ; syscall
self:                     ; "/proc/self/exe"
  2f 70 72 6f 63 2f 73 65
  6c 66 2f 65 78 65 00
`;

/** The bytes of the listing, in order. */
export function stubCode(): Buffer {
  const lines = LISTING.split('\n').map((line) => line.split(';')[0] ?? '');
  const digits = lines.filter((line) => !line.includes(':')).join('');
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}
