/* Ways to call the kernel without a libc, which would make calls of its own. */
#ifdef __x86_64__
static long sys(long nr, long a, long b, long c) {
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register long r9 __asm__("r9") = 0;
    long ret;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
/* Which registers the 32-bit entry leaves as they are differs by kernel. */
#define INT80_CLOBBERS "r8", "r9", "r10", "r11", "memory"
#else
#define INT80_CLOBBERS "memory"
#endif
static long int80(long nr, long a, long b, long c) {
    long ret;
    __asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(0), "D"(0)
                     : INT80_CLOBBERS);
    return (int)ret;
}
