/* plan.h - what the daemon tells the monitor, and what the monitor tells back.
 *
 * A plan is flat bytes: struct plan, then arrays and NUL-terminated strings at offsets from its beginning; offset 0 is
 * "none". Every decision is in it; the monitor only acts. ffi/plan.ts writes it, test/abi/offsets.test.ts holds the
 * two against each other. Not versioned: both sides are of one executable, and a monitor reads its plan once.
 */
#ifndef BK_PLAN_H
#define BK_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x6e616c70u		/* "plan" */
#define FD_CONTROL 3
#define FD_PLAN 4

#define PLAN_TTY 1u
#define PLAN_OPEN_STDIN 2u
#define PLAN_STDIN_ONCE 4u
#define PLAN_TRACE 8u

#define STREAM_STDIN 1u
#define STREAM_STDOUT 2u
#define STREAM_STDERR 4u

struct plan {
	uint32_t magic;
	uint32_t size;
	uint32_t flags;		/* PLAN_* */
	uint32_t uid;		/* who owns the pipes of standard input and output */
	uint32_t gid;
	int32_t state_dir;	/* fd or -1: where monitor.sock and exit go */
	int32_t cgroup_dir;	/* fd or -1: clone3(CLONE_INTO_CGROUP) */
	int32_t join;		/* pidfd or namespace fd whose pid namespace the child is born in, or -1 */
	uint64_t clone_flags;	/* CLONE_NEW* */
	uint32_t steps;		/* offset of struct step[] */
	uint32_t step_count;
	uint32_t attach;	/* offset of struct attach[] */
	uint32_t attach_count;
	int32_t log_fd;		/* open for appending, or -1 */
	uint32_t log_path;	/* for its rotation */
	uint64_t log_max_size;	/* bytes; 0: unlimited */
	uint32_t log_max_files;
	uint32_t kill_file;	/* cgroup.procs: what stands in it is killed when the process has ended; or none */
	int32_t birth_fd;	/* first of the fds that only the birth needs */
	uint32_t birth_fd_count;
};

struct attach {
	int32_t fd;
	uint32_t streams;	/* STREAM_* */
};

/* One act of the birth, done by the child in order. What the slots s (strings) and n (numbers) mean: below. */
struct step {
	uint32_t kind;
	uint32_t flags;
	uint32_t s[4];
	uint64_t n[4];
};

#define STEP_LIST(X) \
	X(SETNS, 1)		/* s0 path or n0 fd; n1 CLONE_NEW* */ \
	X(WRITE, 2)		/* s0 host path, s1 text; F_OPTIONAL: no error when it is missing */ \
	X(UNSHARE, 3)		/* n0 CLONE_NEW* */ \
	X(PROPAGATION, 4)	/* s0 host path, n0 MS_* */ \
	X(OVERLAY, 5)		/* s0 staging, s1 upper, s2 work, n0 lowers (offsets, topmost first), n1 count; F_VOLATILE */ \
	X(ROOT, 6)		/* s0 staging, s1 host path bound as root; F_RECURSIVE */ \
	X(MOUNT, 7)		/* s0 target, s1 source, s2 type, s3 data, n0 MS_*, n1 propagation; F_NOFOLLOW, F_COPYUP, F_KEEPMODE */ \
	X(BIND, 8)		/* s0 target, s1 host path, n0 attr set, n1 attr clear, n2 propagation, n3 old MS_*; F_RECURSIVE, F_RATTR */ \
	X(MKNOD, 9)		/* s0 path, n0 mode with type, n1 device, n2 uid, n3 gid */ \
	X(SYMLINK, 10)		/* s0 path, s1 what it says */ \
	X(MKDIR, 11)		/* s0 path */ \
	X(INIT, 12)		/* s0 target: this executable, read-only; s1 directory of a tmpfs that holds it */ \
	X(CONSOLE, 13)		/* s0 target of the bind or none, n0 rows, n1 columns */ \
	X(MASK, 14)		/* s0 path */ \
	X(READONLY, 15)		/* s0 path */ \
	X(READONLY_ROOT, 16)	/* */ \
	X(PIVOT, 17)		/* n0 propagation of the new root or 0; F_MOVE: by MS_MOVE and chroot */ \
	X(HOSTNAME, 18)		/* s0 */ \
	X(DOMAINNAME, 19)	/* s0 */ \
	X(RLIMIT, 20)		/* n0 resource, n1 soft, n2 hard */ \
	X(KEYRING, 21)		/* s0 name */ \
	X(STDIO, 22)		/* session, terminal, fds 0-2; closes all others */ \
	X(NO_NEW_PRIVILEGES, 23) /* */ \
	X(SECCOMP, 24)		/* n0 offset of sock_filter[], n1 count, n2 flags */ \
	X(BOUNDING, 25)		/* n0 mask that stays */ \
	X(USER, 26)		/* n0 uid, n1 gid, n2 offset of groups, n3 count */ \
	X(CAPABILITIES, 27)	/* n0 effective, n1 permitted, n2 inheritable, n3 ambient */ \
	X(UMASK, 28)		/* n0 */ \
	X(CHDIR, 29)		/* s0 path; F_OPTIONAL: EACCES is left to the next CHDIR, which does nothing if this one did */ \
	X(LOOKUP, 30)		/* s0 program, s1 PATH */ \
	X(EXEC, 31)		/* n0 arguments (offsets), n1 count, n2 environment, n3 count */ \
	X(ATTRIBUTES, 32)	/* s0 target of a mount, n0 MOUNT_ATTR_* to set, n1 the same as MS_* */ \
	X(LOOPBACK, 33)		/* of a new network namespace: up */

#define X(name, number) STEP_##name = number,
enum step_kind { STEP_LIST(X) STEP_END };
#undef X

#define F_OPTIONAL 1u
#define F_VOLATILE 2u
#define F_RECURSIVE 4u
#define F_NOFOLLOW 8u
#define F_COPYUP 16u
#define F_RATTR 32u
#define F_MOVE 64u
#define F_KEEPMODE 128u

/* On the control socket, both ways. */
struct message {
	uint32_t type;
	int32_t value;
	uint32_t index;
	uint32_t length;	/* of what follows */
	int64_t time;		/* nanoseconds since 1970 */
};

#define MESSAGE_STARTED 1u	/* value: pid; what follows: nanoseconds of each step, uint32_t[], if PLAN_TRACE */
#define MESSAGE_FAILED 2u	/* value: errno; index: the step, or FAILED_* */
#define MESSAGE_EXITED 3u	/* value: exit code; time */
#define MESSAGE_RESIZE 4u	/* from the daemon; value: rows; index: columns */
#define MESSAGE_RESULT 5u	/* value: errno of the last request */

#define FAILED_PLAN 0xffffffffu
#define FAILED_STDIO 0xfffffffeu
#define FAILED_CLONE 0xfffffffdu
#define FAILED_JOIN 0xfffffffcu
#define FAILED_DIED 0xfffffffbu	/* the child ended without a word */

/* The first byte on monitor.sock: HELLO_CONTROL, or HELLO_ATTACH | STREAM_*. */
#define HELLO_CONTROL 'C'
#define HELLO_ATTACH 0x40u

#endif
