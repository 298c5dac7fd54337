/* hello.c - the only program of the embedded image `hello`: says what a container sees from inside.
 *
 * Contract: reads /proc, /sys and its own limits, writes to stdout, changes nothing, ends with 0.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void row(const char *name, const char *value)
{
	printf("  %-12s %s\n", name, value);
}

/* The first line of `path`, or 0 when it cannot be read. */
static int first_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");
	int got = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (got)
		line[strcspn(line, "\n")] = 0;
	return got;
}

/* The value of `key` in /proc/self/status. */
static const char *status_of(const char *key, char *line, int size)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t length = strlen(key);
	const char *value = "?";

	while (file && fgets(line, size, file)) {
		if (strncmp(line, key, length) || line[length] != ':')
			continue;
		line[strcspn(line, "\n")] = 0;
		value = line + length + 1 + strspn(line + length + 1, "\t ");
		break;
	}
	if (file)
		fclose(file);
	return value;
}

static void processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int count = 0;
	char text[64];

	while (proc && (entry = readdir(proc)))
		count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
	if (proc)
		closedir(proc);
	snprintf(text, sizeof(text), "%d visible, and I am number %d", count, (int)getpid());
	row("processes", text);
}

static void addresses(void)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN + IFNAMSIZ + 4], address[INET6_ADDRSTRLEN];

	if (getifaddrs(&all))
		return;
	for (struct ifaddrs *one = all; one; one = one->ifa_next) {
		const void *raw = NULL;

		if (!one->ifa_addr)
			continue;
		if (one->ifa_addr->sa_family == AF_INET)
			raw = &((struct sockaddr_in *)one->ifa_addr)->sin_addr;
		if (!raw || !inet_ntop(one->ifa_addr->sa_family, raw, address, sizeof(address)))
			continue;
		snprintf(text, sizeof(text), "%s (%s)", address, one->ifa_name);
		row("address", text);
	}
	freeifaddrs(all);
}

static void memory(void)
{
	char line[64];
	const char *text = "no limit";

	/* v2 says "max" where v1 says a number near 2^63 */
	if (first_line("/sys/fs/cgroup/memory.max", line, sizeof(line)) ||
	    first_line("/sys/fs/cgroup/memory/memory.limit_in_bytes", line, sizeof(line))) {
		unsigned long long bytes = strtoull(line, NULL, 10);

		if (bytes && bytes < 1ULL << 60) {
			snprintf(line, sizeof(line), "%llu MiB at most", bytes >> 20);
			text = line;
		}
	}
	row("memory", text);
}

static void confinement(void)
{
	char line[256], text[300];
	const char *mode = status_of("Seccomp", line, sizeof(line));

	row("seccomp", mode[0] == '2' ? "filtered" : "none");
	snprintf(text, sizeof(text), "%s (effective capabilities)", status_of("CapEff", line, sizeof(line)));
	row("may", text);
}

int main(void)
{
	char name[128] = "?";

	gethostname(name, sizeof(name) - 1);
	puts("\nHello from a container. This is what I see from inside:\n");
	row("hostname", name);
	processes();
	addresses();
	memory();
	confinement();
	puts("\nNo image was downloaded for this: I am part of the bunker executable.");
	puts("Next: bunker load -i some-image.tar, then bunker run -it some-image sh\n");
	return 0;
}
