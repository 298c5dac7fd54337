/* log.c - Docker's json-file log: {"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}
 *
 * Contract: a line is one record; one longer than 16 KiB is several, of which only the last ends in \n; what has no end
 *           waits for it, or for the end of the stream. Lines of one chunk leave in one write. A disk that refuses does
 *           not stop the container: those lines are lost. Rotation: path -> path.1 -> ... as Docker names them.
 * Source:   moby daemon/logger/copier.go, jsonfilelog/jsonlog, loggerutil/logfile.go.
 */
#include "monitor.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RECORD_ROOM (6 * LINE + 128)	/* every byte may become six */

void bk_log_flush(struct log *log)
{
	uint32_t done = 0;

	while (done < log->used) {
		ssize_t wrote = write(log->fd, log->buffer + done, log->used - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			break;
		done += wrote;
	}
	log->size += log->used;
	log->used = 0;
}

/* The oldest goes, the others move up one; with one file only, it begins anew. */
static void rotate(struct log *log)
{
	char from[PATH_MAX], to[PATH_MAX];
	int fd;

	bk_log_flush(log);
	for (uint32_t i = log->max_files; i > 1; i--) {
		snprintf(to, sizeof(to), "%s.%u", log->path, i - 1);
		snprintf(from, sizeof(from), i == 2 ? "%s" : "%s.%u", log->path, i - 2);
		rename(from, to);
	}
	fd = open(log->path, O_CREAT | O_WRONLY | O_APPEND | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return;
	dup3(fd, log->fd, O_CLOEXEC);
	close(fd);
	log->size = 0;
}

static char *two(char *out, unsigned int value)
{
	*out++ = '0' + value / 10;
	*out++ = '0' + value % 10;
	return out;
}

/* RFC 3339 with nanoseconds, trailing zeros left out, as Go's RFC3339Nano. The seconds' part is kept from line to line. */
static char *put_time(struct log *log, char *out)
{
	struct timespec now;
	struct tm parts;
	char digits[10];
	int length = 9;
	long rest;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != log->second || !log->stamp[0]) {
		gmtime_r(&now.tv_sec, &parts);
		strftime(log->stamp, sizeof(log->stamp), "%Y-%m-%dT%H:%M:%S", &parts);
		log->second = now.tv_sec;
	}
	memcpy(out, log->stamp, 19);
	out += 19;
	rest = now.tv_nsec;
	digits[0] = '.';
	digits[1] = '0' + rest / 100000000;
	rest %= 100000000;
	for (char *pair = digits + 2; pair < digits + 10; pair += 2) {
		two(pair, rest / 1000000);
		rest = rest % 1000000 * 100;
	}
	while (length > 0 && digits[length] == '0')
		length--;
	if (length > 0) {
		memcpy(out, digits, length + 1);
		out += length + 1;
	}
	*out++ = 'Z';
	return out;
}

static char *put(char *out, const char *text, size_t length)
{
	memcpy(out, text, length);
	return out + length;
}

static void put_record(struct log *log, const struct source *source, const char *text, size_t length, bool whole)
{
	char *start, *out;

	if (log->max_size && log->size + log->used >= log->max_size)
		rotate(log);
	if (log->used + RECORD_ROOM > LOG_BUFFER)
		bk_log_flush(log);
	out = start = log->buffer + log->used;
	out = put(out, "{\"log\":\"", 8);
	out += bk_json_escape(out, text, length);
	if (whole)
		out = put(out, "\\n", 2);
	out = put(out, "\",\"stream\":\"stdout\",\"time\":\"", 28);
	if (source->stream == 2)
		memcpy(out - 13, "err", 3);
	out = put_time(log, out);
	out = put(out, "\"}\n", 3);
	log->used += out - start;
}

/* The `length` new bytes stand at buffer + LINE, what was kept right before them. */
void bk_log_lines(struct monitor *monitor, struct source *source, uint32_t length, bool end)
{
	char *from = source->buffer + LINE - source->kept, *until = source->buffer + LINE + length;
	struct log *log = &monitor->log;

	if (log->fd < 0)
		return;
	while (from < until) {
		size_t most = until - from < LINE ? until - from : LINE;
		char *newline = memchr(from, '\n', most);

		if (!newline && most < LINE && !end)
			break;
		if (newline)
			most = newline - from;
		put_record(log, source, from, most, newline != NULL);
		from += most + (newline != NULL);
	}
	source->kept = until - from;
	memmove(source->buffer + LINE - source->kept, from, source->kept);
	if (end)
		bk_log_flush(log);
}
