/* monitor.h - the one state there is, and who offers what. */
#ifndef BK_MONITOR_H
#define BK_MONITOR_H

#include "kernel.h"
#include "plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLIENTS 64
#define CHUNK (128 * 1024)	/* read from the container at once; one frame for who is attached */
#define LINE 16384		/* Docker's longest log line; longer ones are split */
#define INPUT (16 * 1024)
#define LOG_BUFFER (512 * 1024)

enum client_kind { CLIENT_FREE, CLIENT_NEW, CLIENT_ATTACHED, CLIENT_CONTROL };

struct client {
	int fd;
	enum client_kind kind;
	uint32_t streams;
	bool input_ended;
	bool output_ended;	/* to be closed as soon as the chunk is through */
	uint32_t sent;		/* of the current frame, header included */
	uint32_t have;		/* bytes of `request` that have come */
	struct message request;
};

/* One source of output: a pipe, or the terminal. */
struct source {
	int fd;
	uint32_t stream;	/* 1 stdout, 2 stderr, as in Docker's frames */
	uint32_t kept;		/* bytes of a line that has no end yet, at the beginning of `buffer` */
	char *buffer;		/* LINE + CHUNK bytes */
};

struct log {
	int fd;
	char *path;
	uint64_t size, max_size;
	uint32_t max_files;
	uint32_t used;
	char *buffer;		/* LOG_BUFFER bytes */
	int64_t second;		/* the second that `stamp` says */
	char stamp[32];
};

struct monitor {
	uint32_t flags;		/* PLAN_* */
	int signals, listener, state_dir;
	int pid, pidfd;
	int mounts;		/* the container's mount namespace: its end would come before the exit is told */
	int root;		/* O_PATH: keeps the container's overlay until the exit has been told */
	int input;		/* write end of standard input, or the terminal; -1 when closed */
	int slave;		/* keeps the terminal from hanging up between two openers */
	struct source sources[2];
	struct source *chunk;	/* whose chunk is on its way to the clients; no other is read meanwhile */
	uint32_t chunk_length;
	uint8_t header[8];
	struct log log;
	struct client clients[CLIENTS];
	char *input_buffer;
	uint32_t input_length, input_sent;
	bool input_ends;	/* close standard input when the buffer is through */
	bool exited, told;
	bool touched;		/* the buffers hold pages that an idle monitor gives back */
	char *kill_file;	/* of the cgroup, when no pid namespace's end ends the others */
	int code;
	int64_t exit_time;	/* wall clock, nanoseconds */
	int64_t deadline;	/* monotonic, milliseconds: no longer wait for output; then for clients */
	char *memory;
};

/* What the child has while it is being born. */
struct birth {
	const struct plan *plan;
	int root;		/* the new root, O_PATH */
	int masked;		/* the first masked directory's tmpfs; the next ones are clones of it */
	int link;		/* to the monitor */
	int stdio[3];
	bool at_cwd;
	char *program;		/* found by LOOKUP */
};

static inline const void *at(const struct plan *plan, uint64_t offset)
{
	return offset ? (const char *)plan + offset : NULL;
}

/* birth.c */
enum birth_type { BIRTH_FAILED, BIRTH_TRACE, BIRTH_ROOT, BIRTH_TERMINAL, BIRTH_CONFINED };
struct birth_report {
	uint32_t type;
	int32_t error;
	uint32_t index;
};
void bk_birth(struct birth *birth);	/* does not return */
int bk_birth_send_fds(const struct birth *birth, enum birth_type type, const int *fds, int count);

/* paths.c: beneath the container's root; nothing leads out of it. -errno. */
int bk_open_beneath(int root, const char *path, int flags);
int bk_make_beneath(int root, const char *path, bool directory);
int bk_parent_beneath(int root, const char *path, const char **name);
void bk_fd_path(char path[32], int fd);

/* copyup.c */
int bk_copy_tree(int from, int to);

/* init.c */
int bk_init(int argc, char **argv);

/* Steps: 0 or -errno. */
#define X(name, number) int bk_step_##name(struct birth *birth, const struct step *step);
STEP_LIST(X)
#undef X

/* log.c, json.c */
void bk_log_lines(struct monitor *monitor, struct source *source, uint32_t length, bool end);
void bk_log_flush(struct log *log);
size_t bk_json_escape(char *out, const char *text, size_t length);

/* clients.c */
void bk_client_add(struct monitor *monitor, int fd, enum client_kind kind, uint32_t streams);
void bk_client_drop(struct client *client);
void bk_client_accept(struct monitor *monitor);
void bk_client_read(struct monitor *monitor, struct client *client);
void bk_tell(struct monitor *monitor, const struct message *message);

/* output.c */
void bk_output_read(struct monitor *monitor, struct source *source);
void bk_output_send(struct monitor *monitor);
void bk_output_close(struct monitor *monitor, struct source *source);
bool bk_output_idle(const struct monitor *monitor);
void bk_input_write(struct monitor *monitor);

/* loop.c */
void bk_loop(struct monitor *monitor);
int64_t bk_milliseconds(void);

#endif
