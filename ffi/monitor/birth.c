/* birth.c - the child: does the steps of the plan in order, the last of which is exec.
 *
 * Contract: runs in a copy of the monitor, single-threaded. Each step returns 0 or -errno; the first that fails goes up
 *           as {step, errno} and ends the child. End of file on the link means that the exec has happened.
 *           The child is not dumpable from its first moment: nobody inside may read its fds or memory (CVE-2016-9962).
 */
#include "monitor.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define X(name, number) [number] = bk_step_##name,
static int (*const steps[])(struct birth *, const struct step *) = { STEP_LIST(X) };
#undef X

int bk_birth_send_fds(const struct birth *birth, enum birth_type type, const int *fds, int count)
{
	struct birth_report report = { .type = type };
	struct iovec iov = { &report, sizeof(report) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room };
	struct cmsghdr *header;

	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	return sendmsg(birth->link, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void fresh_signals(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal = 1; signal < _NSIG; signal++)
		sigaction(signal, &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static uint32_t nanoseconds_since(struct timespec *before)
{
	struct timespec now;
	int64_t passed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	passed = (now.tv_sec - before->tv_sec) * 1000000000LL + now.tv_nsec - before->tv_nsec;
	*before = now;
	return (uint32_t)passed;
}

/* What each step took, just before the exec, which therefore has no figure. */
static void send_trace(const struct birth *birth, const uint32_t *took)
{
	struct birth_report report = { .type = BIRTH_TRACE };
	struct iovec iov[2] = { { &report, sizeof(report) }, { (void *)took, birth->plan->step_count * 4 } };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };

	sendmsg(birth->link, &message, MSG_NOSIGNAL);
}

void bk_birth(struct birth *birth)
{
	const struct plan *plan = birth->plan;
	const struct step *list = at(plan, plan->steps);
	bool trace = plan->flags & PLAN_TRACE;
	uint32_t *took = trace ? calloc(plan->step_count, sizeof(*took)) : NULL;
	struct birth_report report = { .type = BIRTH_FAILED };
	struct timespec before;

	prctl(PR_SET_DUMPABLE, 0);
	fresh_signals();
	umask(0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (uint32_t i = 0; i < plan->step_count && report.error == 0; i++) {
		report.index = i;
		report.error = list[i].kind > 0 && list[i].kind < STEP_END ? -steps[list[i].kind](birth, &list[i]) : EINVAL;
		if (took)
			took[i] = nanoseconds_since(&before);
		if (took && i + 2 == plan->step_count)
			send_trace(birth, took);
	}
	send(birth->link, &report, sizeof(report), MSG_NOSIGNAL);
	_exit(127);
}

int bk_step_SETNS(struct birth *birth, const struct step *step)
{
	const char *path = at(birth->plan, step->s[0]);
	CLEANUP_FD int opened = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (path && opened < 0)
		return -errno;
	return setns(path ? opened : (int)step->n[0], (int)step->n[1]) < 0 ? -errno : 0;
}

int bk_step_WRITE(struct birth *birth, const struct step *step)
{
	const char *text = at(birth->plan, step->s[1]);
	CLEANUP_FD int fd = open(at(birth->plan, step->s[0]), O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT && (step->flags & F_OPTIONAL) ? 0 : -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int bk_step_UNSHARE(struct birth *birth, const struct step *step)
{
	(void)birth;
	return unshare((int)step->n[0]) < 0 ? -errno : 0;
}

int bk_step_HOSTNAME(struct birth *birth, const struct step *step)
{
	const char *name = at(birth->plan, step->s[0]);
	return sethostname(name, strlen(name)) < 0 ? -errno : 0;
}

int bk_step_DOMAINNAME(struct birth *birth, const struct step *step)
{
	const char *name = at(birth->plan, step->s[0]);
	return setdomainname(name, strlen(name)) < 0 ? -errno : 0;
}

int bk_step_LOOPBACK(struct birth *birth, const struct step *step)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)birth, (void)step;
	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int bk_step_RLIMIT(struct birth *birth, const struct step *step)
{
	struct rlimit limit = { .rlim_cur = step->n[1], .rlim_max = step->n[2] };

	(void)birth;
	return setrlimit((int)step->n[0], &limit) < 0 ? -errno : 0;
}

/* A session keyring of its own, or the container would see that of the daemon (keyrings(7)). */
int bk_step_KEYRING(struct birth *birth, const struct step *step)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING_, at(birth->plan, step->s[0])) < 0)
		return errno == ENOSYS ? 0 : -errno;
	return 0;
}
