/* process.c - start a program from an fd out of a process with many threads; pidfds.
 *
 * Contract: see shim.h. bk_spawn never forks the heap: CLONE_VM|CLONE_VFORK costs the same at any size.
 * Source:   clone(2), execveat(2), close_range(2) (Linux 5.9), pidfd_open(2), waitid(2) P_PIDFD (Linux 5.4).
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_execveat
#define SYS_execveat 322
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#define P_PIDFD_ 3
#define STACK_SIZE 65536
#define FIRST_FD 3

struct spawn {
	const char *id;
	const int *fds;
	int count;
	int exe;
	int error;
};

/* Only ours go on: 0-2 are /dev/null, fds[i] is 3+i, all else is closed. Two passes, since the targets may be sources. */
static int arrange_fds(struct spawn *spawn)
{
	int above = FIRST_FD + spawn->count, null, high[spawn->count + 1];

	for (int i = 0; i < spawn->count; i++)
		if ((high[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, above)) < 0)
			return -1;
	if ((high[spawn->count] = fcntl(spawn->exe, F_DUPFD_CLOEXEC, above)) < 0)
		return -1;
	if ((null = open("/dev/null", O_RDWR)) < 0)
		return -1;
	for (int fd = 0; fd < FIRST_FD; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	for (int i = 0; i < spawn->count; i++)
		if (dup2(high[i], FIRST_FD + i) < 0)
			return -1;
	if (dup3(high[spawn->count], above, O_CLOEXEC) < 0)
		return -1;
	if (syscall(SYS_close_range, above + 1, ~0U, 0) < 0)	/* before Linux 5.9: one by one */
		for (int fd = above + 1; fd < 4096; fd++)
			close(fd);
	return above;
}

/* Runs on the caller's memory until it execs: nothing here may touch the heap or a lock. */
static int child(void *argument)
{
	struct spawn *spawn = argument;
	const char *const argv[] = { "bunker", "monitor", spawn->id, NULL };
	const char *const envp[] = { NULL };
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;
	int exe;

	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &plain, NULL);
	sigemptyset(&none);
	setsid();
	exe = arrange_fds(spawn);
	if (exe >= 0 && chdir("/") == 0) {
		sigprocmask(SIG_SETMASK, &none, NULL);
		syscall(SYS_execveat, exe, "", argv, envp, AT_EMPTY_PATH);
	}
	spawn->error = errno;
	_exit(127);
}

/* Runs `exe` as `bunker monitor ID` in a session of its own; fds[i] becomes 3+i. Returns its pid and fills *pidfd. */
int bk_spawn(int exe, const char *id, const int fds[], int count, int *pidfd)
{
	struct spawn spawn = { .id = id, .fds = fds, .count = count, .exe = exe };
	sigset_t all, before;
	char *stack;
	int pid;

	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);	/* of this thread: no handler of ours may run in the child */
	pid = clone(child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &spawn, pidfd);
	if (pid < 0)
		spawn.error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_SIZE);
	if (spawn.error == 0)
		return pid;
	if (pid > 0) {
		bk_pidfd_reap(*pidfd, 0);
		close(*pidfd);
	}
	return -spawn.error;
}

int bk_pidfd_open(int pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);	/* always close-on-exec */
	return fd < 0 ? -errno : fd;
}

int bk_pidfd_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* The exit code of our own child, 128+n when a signal ended it; -EAGAIN while it runs and `nohang`. */
int bk_pidfd_reap(int pidfd, int nohang)
{
	siginfo_t info = { 0 };

	while (waitid((idtype_t)P_PIDFD_, pidfd, &info, WEXITED | (nohang ? WNOHANG : 0)) < 0)
		if (errno != EINTR)
			return -errno;
	if (info.si_pid == 0)
		return -EAGAIN;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
