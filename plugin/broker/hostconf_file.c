/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One of the host's files, whole, and its lines. Any thread, at start only. */
#include "plugin/broker/hostconf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_open(int fd, size_t max, struct buf *text)
{
	struct stat about;
	if (fstat(fd, &about) != 0)
		return errno;
	if (!S_ISREG(about.st_mode))
		return S_ISDIR(about.st_mode) ? EISDIR : ESPIPE;
	for (;;) {
		buf_reserve(text, 4096);
		ssize_t got = read(fd, text->data + text->len, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : 0;
		text->len += (size_t)got;
		text->data[text->len] = '\0';
		if (text->len > max)
			return EFBIG;
	}
}

int hostconf_read_file(const char *path, size_t max, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno;
	int rc = read_open(fd, max, text);
	close(fd);
	return rc;
}

char *hostconf_next_line(struct buf *text, size_t *at)
{
	if (*at >= text->len)
		return NULL;
	char *line = text->data + *at;
	char *end = memchr(line, '\n', text->len - *at);
	if (end == NULL)
		end = text->data + text->len;
	*at = (size_t)(end - text->data) + 1;
	*end = '\0';
	for (size_t len = strlen(line); len > 0 && line[len - 1] == '\r'; len--)
		line[len - 1] = '\0';
	return line;
}
