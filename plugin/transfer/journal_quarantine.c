/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The quarantine file: records that brought the broker down each time, for the operator. The broker's thread only. What is erased in it is
 * overwritten in place: no other copy is ever made, and no moment in between can lose another record. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "plugin/transfer/journal_inner.h"

struct frame {
	uint32_t len;
	uint32_t seq[2];
};

static enum journal_rc failed(const struct journal *journal, int problem, const char *what, struct error *err)
{
	return error_set(err, JOURNAL_FAILED, problem, "%s could not be %s: %s", journal->quarantine_path, what, error_words(problem));
}

/* What was written of a record that did not fit is cut off again. 0 or errno. */
static int append(int fd, const struct record *record, const void *payload)
{
	struct frame frame = {htole32(record->len), {htole32((uint32_t)record->seq), htole32((uint32_t)(record->seq >> 32))}};
	struct iovec parts[] = {{&frame, sizeof frame}, {(void *)payload, record->len}};
	off_t start = lseek(fd, 0, SEEK_END);
	ssize_t written = start < 0 ? -1 : writev(fd, parts, 2);
	if (written == (ssize_t)(sizeof frame + record->len) && fsync(fd) == 0)
		return 0;
	int problem = written < 0 || written == (ssize_t)(sizeof frame + record->len) ? errno : ENOSPC;
	if (start >= 0 && ftruncate(fd, start) != 0)
		problem = errno;
	return problem;
}

enum journal_rc quarantine_add(struct journal *journal, const struct record *record, const void *payload, struct error *err)
{
	int fd = open(journal->quarantine_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int problem = fd < 0 ? errno : append(fd, record, payload);
	if (fd >= 0)
		close(fd);
	return problem ? failed(journal, problem, "written", err) : JOURNAL_OK;
}

static int zero(int fd, unsigned char *payload, size_t len, off_t offset)
{
	memset(payload, 0, len);
	ssize_t written = pwrite(fd, payload, len, offset);
	return written == (ssize_t)len ? 0 : written < 0 ? errno : ENOSPC;
}

/* One record; *offset moves behind it. 0 or errno; ENODATA: the file ends in the midst of it. */
static int erase_one(int fd, off_t *offset, unsigned char *payload,
	bool (*erase)(void *context, const void *payload, size_t len), void *context)
{
	struct frame frame;
	ssize_t count = pread(fd, &frame, sizeof frame, *offset);
	size_t len = le32toh(frame.len);
	if (count != sizeof frame || len > JOURNAL_PAYLOAD_MAX)
		return count < 0 ? errno : ENODATA;
	off_t start = *offset + (off_t)sizeof frame;
	count = pread(fd, payload, len, start);
	if (count != (ssize_t)len)
		return count < 0 ? errno : ENODATA;
	*offset = start + (off_t)len;
	return len > 0 && erase(context, payload, len) ? zero(fd, payload, len, start) : 0;
}

enum journal_rc journal_erase_quarantined(
	struct journal *journal, bool (*erase)(void *context, const void *payload, size_t len), void *context, struct error *err)
{
	int fd = open(journal->quarantine_path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return JOURNAL_OK;
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	int problem = end < 0 ? errno : 0;
	unsigned char *payload = mem_new(JOURNAL_PAYLOAD_MAX);
	for (off_t offset = 0; problem == 0 && offset < end;)
		problem = erase_one(fd, &offset, payload, erase, context);
	free(payload);
	if (fd >= 0)
		close(fd);
	return problem ? failed(journal, problem, "gone through", err) : JOURNAL_OK;
}
