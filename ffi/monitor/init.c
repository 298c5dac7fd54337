/* init.c - the container's first process under --init: starts the program, passes signals on, buries the dead.
 *
 * Contract: `/sbin/docker-init -- program arguments…`; ends with the program's code, 128+n when signal n ended it.
 * Source:   the behaviour of tini, which Docker ships as docker-init.
 */
#include "monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

static int start(char **argv, const sigset_t *before)
{
	int pid = fork();

	if (pid != 0)
		return pid;
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	if (tcsetpgrp(STDIN_FILENO, getpgrp()) < 0)
		errno = 0;	/* no terminal: nothing to hand over */
	signal(SIGTTOU, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "[FATAL tini (1)] exec %s failed: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Reaps all that have ended; true once the program itself has. */
static bool bury(int program, int *code)
{
	int status, pid;
	bool ended = false;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		*code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		ended = true;
	}
	return ended;
}

int bk_init(int argc, char **argv)
{
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1, program, signal, code = 0;
	sigset_t all, before;

	if (first >= argc)
		return 1;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigprocmask(SIG_SETMASK, &all, &before);
	program = start(argv + first, &before);
	if (program < 0)
		return 1;
	for (;;) {
		signal = sigwaitinfo(&all, NULL);
		if (signal == SIGCHLD && bury(program, &code))
			return code;
		if (signal > 0 && signal != SIGCHLD)
			kill(program, signal);
	}
}
