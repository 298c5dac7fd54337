/* probe.c - reports from inside a container what becomes of system calls. Static, built by test/probe.ts. Only as
 * process 1 of a pid namespace: it kills all others there.
 *
 * probe fates ABI FROM TO   one line a number: `nr errno`, `nr sN` when signal N came, `nr h` when it hung.
 *                           ABI 64, x32 or 32. Each call is made in a child of its own, with all arguments -1.
 * probe call NR ARG...      one call: its errno, or sN.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define X32_BIT 0x40000000
#define REPORT_SIGNAL 1000
#define REPORT_HUNG 2000

static int *result;

/* The kernel's own answer; no libc between. */
static long call64(long nr, const long a[6])
{
	register long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
	long rc;

	__asm__ volatile("syscall" : "=a"(rc) : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

/* i386's gate, from 64-bit code: the kernel sees AUDIT_ARCH_I386. */
static long call32(long nr)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(nr), "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)rc;
}

static int fate(const char *abi, long nr, const long args[6])
{
	struct timespec patience = { .tv_nsec = 300000000 };
	sigset_t child;
	int status, pid, ended, hung = 0;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	*result = -1;
	pid = fork();
	if (pid == 0) {
		long rc;

		rc = strcmp(abi, "32") == 0 ? call32(nr) : call64(strcmp(abi, "x32") == 0 ? nr | X32_BIT : nr, args);
		*result = rc < 0 && rc > -4096 ? (int)-rc : 0;
		_exit(0);
	}
	/* a signal may be an older child's: only silence means that this one hangs */
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && sigtimedwait(&child, NULL, &patience) > 0)
		;
	if (ended == 0 && (ended = waitpid(pid, &status, WNOHANG)) == 0) {
		hung = kill(pid, SIGKILL) == 0;
		waitpid(pid, &status, 0);
	}
	kill(-1, SIGKILL);	/* what forks left; nobody else lives in this pid namespace */
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (hung)
		return REPORT_HUNG;
	return WIFSIGNALED(status) ? REPORT_SIGNAL + WTERMSIG(status) : *result;
}

static void print(long nr, int found)
{
	if (found == REPORT_HUNG)
		printf("%ld h\n", nr);
	else if (found >= REPORT_SIGNAL)
		printf("%ld s%d\n", nr, found - REPORT_SIGNAL);
	else
		printf("%ld %d\n", nr, found);
}

int main(int argc, char **argv)
{
	long args[6] = { -1, -1, -1, -1, -1, -1 };

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	result = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED || argc < 3 || getpid() != 1)
		return 2;
	if (strcmp(argv[1], "call") == 0) {
		for (int i = 0; i < 6; i++)
			args[i] = argc > 3 + i ? (long)strtoull(argv[3 + i], NULL, 0) : 0;
		print(atol(argv[2]), fate("64", atol(argv[2]), args));
		return 0;
	}
	if (argc < 5)
		return 2;
	for (long nr = atol(argv[3]); nr < atol(argv[4]); nr++)
		print(nr, fate(argv[2], nr, args));
	return 0;
}
