/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The journal's file: heads, records, and the search for them. The broker's thread only. Never a sync: the page cache outlives the
 * process, which is all that the journal promises, and may be /dev/shm.
 *
 * Where it can be, the file is mapped, and written by copying: a pwrite of a record costs 0.9 µs on ext4, and was a sixth of all that the
 * broker's thread did for a message. A copy cannot fail but by SIGBUS, where a page cannot be had; so that is done only on file systems
 * where a block that was allocated stays the file's own: there are no shared blocks, which would be copied at the first write and need
 * room. Elsewhere it is pwrite, and an error is one. */
#include "plugin/transfer/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"

enum { HEAD_SLOT = 512, HEAD_AREA = 4096, WINDOW_SIZE = 1 << 20 };

#define HEAD_MAGIC UINT64_C(0x48434a524e4c3031) /* "HCJRNL01"; another number for another format */

struct file_head {
	uint64_t magic, generation, mark, ring_size, tail, next_seq;
	uint32_t crc; /* of all before it */
	uint32_t zero;
};

/* state and attempts are overwritten in place, so they stand outside the CRC. */
enum record_state { RECORD_LIVE = 0x4c, RECORD_DONE = 0x2e };

struct record_head {
	uint64_t mark, position, seq;
	uint32_t len;
	uint32_t crc; /* of position, seq, len and the payload */
	uint8_t state, attempts;
	uint8_t zero[6];
};

/* Two in turn behind the heads, so that a death in the midst of one leaves the other. */
struct file_note {
	uint64_t magic, generation;
	uint32_t len;
	uint32_t crc; /* of generation, len and the bytes */
	unsigned char bytes[JOURNAL_NOTE_MAX];
};

#define NOTE_MAGIC UINT64_C(0x48434a4e4f544531) /* "HCJNOTE1" */

_Static_assert(sizeof(struct file_note) <= HEAD_SLOT && 4 * HEAD_SLOT <= HEAD_AREA, "notes have their place");
_Static_assert(sizeof(struct file_head) == 56 && sizeof(struct file_head) <= HEAD_SLOT, "the layout of the head is the file's");
_Static_assert(sizeof(struct record_head) == RECORD_HEAD, "the layout of a record's head is the file's");
_Static_assert(RECORD_MAX >= RECORD_HEAD + JOURNAL_PAYLOAD_MAX && RECORD_MAX % RECORD_ALIGN == 0, "the largest record is aligned");

/* 0 or errno. */
static int write_at(struct journal_file *file, const void *bytes, size_t len, uint64_t offset)
{
	if (file->map != NULL) {
		memcpy(file->map + offset, bytes, len);
		return 0;
	}
	for (size_t done = 0; done < len;) {
		ssize_t count = pwrite(file->fd, (const char *)bytes + done, len - done, (off_t)(offset + done));
		if (count < 0 && errno != EINTR)
			return errno;
		if (count == 0)
			return ENOSPC;
		if (count > 0)
			done += (size_t)count;
	}
	return 0;
}

static int read_at(int fd, void *bytes, size_t len, uint64_t offset)
{
	for (size_t done = 0; done < len;) {
		ssize_t count = pread(fd, (char *)bytes + done, len - done, (off_t)(offset + done));
		if (count < 0 && errno != EINTR)
			return errno;
		if (count == 0)
			return ENODATA;
		if (count > 0)
			done += (size_t)count;
	}
	return 0;
}

static enum journal_rc failed(struct error *err, int problem, const char *what)
{
	return error_set(err, JOURNAL_FAILED, problem, "the journal's %s could not be written: %s", what, error_words(problem));
}

static enum journal_rc refused(struct error *err, int problem, const char *path, const char *why)
{
	const char *reason = problem ? error_words(problem) : "";
	return error_set(err, JOURNAL_REFUSED, problem, "journal %s: %s%s%s", path, why, problem ? ": " : "", reason);
}

/* ---- heads ---- */

static uint32_t head_crc(const struct file_head *head)
{
	return (uint32_t)crc32(0, (const unsigned char *)head, offsetof(struct file_head, crc));
}

enum journal_rc journal_file_set_tail(struct journal_file *file, uint64_t tail, uint64_t next_seq, struct error *err)
{
	struct file_head head = {.magic = HEAD_MAGIC,
		.generation = file->generation + 1,
		.mark = file->mark,
		.ring_size = file->ring_size,
		.tail = tail,
		.next_seq = next_seq};
	head.crc = head_crc(&head);
	int problem = write_at(file, &head, sizeof head, head.generation % 2 * HEAD_SLOT);
	if (problem)
		return failed(err, problem, "head");
	file->generation++;
	file->tail = tail;
	file->next_seq = next_seq;
	return JOURNAL_OK;
}

static bool head_is_valid(const struct file_head *head)
{
	return head->magic == HEAD_MAGIC && head->crc == head_crc(head) && head->ring_size % RECORD_ALIGN == 0 &&
	       head->ring_size + HEAD_AREA >= JOURNAL_SIZE_MIN && head->ring_size + HEAD_AREA <= JOURNAL_SIZE_MAX;
}

/* ---- notes ---- */

static uint32_t note_crc(const struct file_note *note)
{
	uLong crc = crc32(0, (const unsigned char *)&note->generation, sizeof note->generation);
	crc = crc32(crc, (const unsigned char *)&note->len, sizeof note->len);
	return (uint32_t)crc32(crc, note->bytes, note->len);
}

enum journal_rc journal_file_write_note(struct journal_file *file, struct error *err)
{
	struct file_note note = {.magic = NOTE_MAGIC, .generation = ++file->note_generation, .len = file->note_len};
	memcpy(note.bytes, file->note, sizeof note.bytes);
	note.crc = note_crc(&note);
	int problem = write_at(file, &note, sizeof note, (2 + note.generation % 2) * HEAD_SLOT);
	return problem ? failed(err, problem, "note") : JOURNAL_OK;
}

static void read_note(struct journal_file *file, const unsigned char area[HEAD_AREA])
{
	for (size_t slot = 2; slot < 4; slot++) {
		struct file_note note;
		memcpy(&note, area + slot * HEAD_SLOT, sizeof note);
		bool good = note.magic == NOTE_MAGIC && note.len <= JOURNAL_NOTE_MAX && note.crc == note_crc(&note);
		if (!good || note.generation <= file->note_generation)
			continue;
		file->note_generation = note.generation;
		file->note_len = note.len;
		memcpy(file->note, note.bytes, sizeof file->note);
	}
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

enum head_kind { HEAD_FOUND, HEAD_NONE_YET, HEAD_FOREIGN, HEAD_UNREADABLE };

/* The newer one of the two heads. A file of zeros is one whose making was interrupted: there is nothing in it to lose. */
static enum head_kind read_head(struct journal_file *file, uint64_t file_size, int *problem)
{
	unsigned char area[HEAD_AREA] = {0};
	size_t len = file_size < sizeof area ? (size_t)file_size : sizeof area;
	*problem = read_at(file->fd, area, len, 0);
	if (*problem)
		return HEAD_UNREADABLE;
	bool found = false;
	for (size_t slot = 0; slot < 2; slot++) {
		struct file_head head;
		memcpy(&head, area + slot * HEAD_SLOT, sizeof head);
		if (!head_is_valid(&head) || (found && head.generation < file->generation))
			continue;
		found = true;
		file->generation = head.generation;
		file->mark = head.mark;
		file->ring_size = head.ring_size;
		file->tail = head.tail;
		file->next_seq = head.next_seq;
	}
	read_note(file, area);
	return found ? HEAD_FOUND : is_zero(area, sizeof area) ? HEAD_NONE_YET : HEAD_FOREIGN;
}

/* ---- opening ---- */

static int preallocate(int fd, uint64_t size)
{
	int problem;
	do
		problem = posix_fallocate(fd, 0, (off_t)size);
	while (problem == EINTR);
	return problem;
}

uint64_t journal_file_ring_size(uint64_t size)
{
	return (size - HEAD_AREA) / RECORD_ALIGN * RECORD_ALIGN;
}

static void unmap(struct journal_file *file)
{
	if (file->map != NULL)
		munmap(file->map, file->map_size);
	file->map = NULL;
}

/* The file has its size. */
static void map_if_safe(struct journal_file *file)
{
	struct statfs system;
	unmap(file);
	if (fstatfs(file->fd, &system) != 0 || (system.f_type != EXT4_SUPER_MAGIC && system.f_type != TMPFS_MAGIC))
		return;
	file->map_size = HEAD_AREA + (size_t)file->ring_size;
	void *map = mmap(NULL, file->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	file->map = map == MAP_FAILED ? NULL : map;
}

/* The head comes last: until it is there, the file counts as empty. */
enum journal_rc journal_file_format(struct journal_file *file, uint64_t size, struct error *err)
{
	unmap(file);
	if (ftruncate(file->fd, 0) != 0)
		return error_set(err, JOURNAL_REFUSED, errno, "the journal cannot be emptied: %s", error_words(errno));
	int problem = preallocate(file->fd, size);
	if (problem) {
		if (ftruncate(file->fd, 0) != 0)
			problem = errno;
		return error_set(err, JOURNAL_REFUSED, problem, "no room for a journal of %llu bytes: %s", (unsigned long long)size,
			error_words(problem));
	}
	id_random(&file->mark, sizeof file->mark);
	file->ring_size = journal_file_ring_size(size);
	map_if_safe(file);
	enum journal_rc rc = file->note_len > 0 ? journal_file_write_note(file, err) : JOURNAL_OK;
	return rc == JOURNAL_OK ? journal_file_set_tail(file, 0, file->next_seq, err) : rc;
}

/* Everything about the file itself that speaks against using it. */
static enum journal_rc open_and_lock(const char *path, int *fd, uint64_t *file_size, struct error *err)
{
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return refused(err, errno, path, "cannot be opened");
	struct stat stat;
	if (fstat(*fd, &stat) != 0)
		return refused(err, errno, path, "cannot be examined");
	if (!S_ISREG(stat.st_mode))
		return refused(err, 0, path, "is not a regular file");
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? refused(err, 0, path, "is in use by another process") : refused(err, errno, path, "cannot be locked");
	if (fstat(*fd, &stat) != 0) /* again: its owner may have been making it until now */
		return refused(err, errno, path, "cannot be examined");
	*file_size = (uint64_t)stat.st_size;
	/* Without read-ahead the search leaves small pages in the cache. In large ones each little write looks at every block of the page. */
	posix_fadvise(*fd, 0, 0, POSIX_FADV_RANDOM);
	return JOURNAL_OK;
}

static enum journal_rc read_or_format(const char *path, uint64_t size, uint64_t file_size, struct journal_file *file, struct error *err)
{
	int problem = 0;
	enum head_kind kind = read_head(file, file_size, &problem);
	if (kind == HEAD_UNREADABLE)
		return refused(err, problem, path, "cannot be read");
	if (kind == HEAD_FOREIGN)
		return refused(err, 0, path, "is not a journal (or both its heads are damaged); move it away to start with an empty one");
	if (kind == HEAD_NONE_YET)
		return journal_file_format(file, size, err);
	problem = preallocate(file->fd, HEAD_AREA + file->ring_size); /* it may be a sparse copy */
	if (problem)
		return refused(err, problem, path, "cannot be preallocated");
	map_if_safe(file);
	return JOURNAL_OK;
}

enum journal_rc journal_file_open(const char *path, uint64_t size, struct journal_file *file, struct error *err)
{
	if (size < JOURNAL_SIZE_MIN || size > JOURNAL_SIZE_MAX)
		return error_set(err, JOURNAL_REFUSED, 0, "the journal's size is %llu bytes, allowed are %llu to %llu", (unsigned long long)size,
			(unsigned long long)JOURNAL_SIZE_MIN, (unsigned long long)JOURNAL_SIZE_MAX);
	struct journal_file opened = {.fd = -1};
	uint64_t file_size = 0;
	enum journal_rc rc = open_and_lock(path, &opened.fd, &file_size, err);
	if (rc == JOURNAL_OK)
		rc = read_or_format(path, size, file_size, &opened, err);
	if (rc != JOURNAL_OK) {
		journal_file_close(&opened);
		if (err)
			err->rc = JOURNAL_REFUSED;
		return JOURNAL_REFUSED;
	}
	/* Not only what the file says: it may have lost its newest pages with the machine, or itself with /dev/shm. */
	uint64_t now = (uint64_t)clock_wall_us();
	if (opened.next_seq < now)
		opened.next_seq = now;
	opened.buffer = mem_new(RECORD_MAX);
	*file = opened;
	return JOURNAL_OK;
}

void journal_file_close(struct journal_file *file)
{
	unmap(file);
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	free(file->buffer);
	file->buffer = NULL;
}

/* ---- records ---- */

uint64_t record_size(size_t len)
{
	return (RECORD_HEAD + (uint64_t)len + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

static uint64_t offset_of(const struct journal_file *file, uint64_t position)
{
	return HEAD_AREA + position % file->ring_size;
}

uint64_t journal_file_place(const struct journal_file *file, uint64_t head, size_t len)
{
	uint64_t left = file->ring_size - head % file->ring_size;
	return record_size(len) <= left ? head : head + left;
}

static uint32_t record_crc(const struct record_head *head, const void *payload)
{
	size_t len = offsetof(struct record_head, crc) - offsetof(struct record_head, position);
	uLong crc = crc32(0, (const unsigned char *)&head->position, len);
	return head->len > 0 ? (uint32_t)crc32(crc, payload, head->len) : (uint32_t)crc; /* crc32 of NULL would start anew */
}

enum journal_rc journal_file_put(struct journal_file *file, const struct record *record, const void *payload, struct error *err)
{
	struct record_head head = {.mark = file->mark,
		.position = record->position,
		.seq = record->seq,
		.len = record->len,
		.state = RECORD_LIVE,
		.attempts = record->attempts};
	head.crc = record_crc(&head, payload);
	memcpy(file->buffer, &head, sizeof head);
	if (record->len > 0)
		memcpy(file->buffer + sizeof head, payload, record->len);
	/* With what fills it up, lest the end of an earlier lap's record stays behind it. */
	size_t len = sizeof head + record->len, size = (size_t)record_size(record->len);
	memset(file->buffer + len, 0, size - len);
	int problem = write_at(file, file->buffer, size, offset_of(file, record->position));
	return problem ? failed(err, problem, "record") : JOURNAL_OK; /* a torn one fails its CRC, and the next one goes over it */
}

enum journal_rc journal_file_set_done(struct journal_file *file, uint64_t position, struct error *err)
{
	uint8_t state = RECORD_DONE;
	int problem = write_at(file, &state, 1, offset_of(file, position) + offsetof(struct record_head, state));
	return problem ? failed(err, problem, "mark of a record") : JOURNAL_OK;
}

enum journal_rc journal_file_set_attempts(struct journal_file *file, uint64_t position, uint8_t attempts, struct error *err)
{
	int problem = write_at(file, &attempts, 1, offset_of(file, position) + offsetof(struct record_head, attempts));
	return problem ? failed(err, problem, "count of attempts") : JOURNAL_OK;
}

bool journal_file_get(struct journal_file *file, const struct record *record, void *payload)
{
	struct record_head head;
	if (read_at(file->fd, file->buffer, sizeof head + record->len, offset_of(file, record->position)) != 0)
		return false;
	memcpy(&head, file->buffer, sizeof head);
	const unsigned char *bytes = file->buffer + sizeof head;
	if (head.mark != file->mark || head.position != record->position || head.seq != record->seq || head.len != record->len ||
		head.crc != record_crc(&head, bytes))
		return false;
	memcpy(payload, bytes, record->len);
	return true;
}

/* What is zero already is not written: after a restart that is most of the ring, and its pages stay clean. */
enum journal_rc journal_file_zero(struct journal_file *file, uint64_t position, uint64_t *len, struct error *err)
{
	uint64_t left = file->ring_size - position % file->ring_size;
	size_t piece = (size_t)(*len < RECORD_MAX ? *len : RECORD_MAX);
	piece = piece < left ? piece : (size_t)left;
	int problem = read_at(file->fd, file->buffer, piece, offset_of(file, position));
	if (problem)
		return error_set(err, JOURNAL_FAILED, problem, "the journal cannot be read: %s", error_words(problem));
	if (!is_zero(file->buffer, piece)) {
		memset(file->buffer, 0, piece);
		problem = write_at(file, file->buffer, piece, offset_of(file, position));
	}
	if (problem)
		return failed(err, problem, "released part");
	*len = piece;
	return JOURNAL_OK;
}

/* ---- the search ---- */

/* A piece of the ring in memory, so that the search costs a read per megabyte and not per 64 bytes. */
struct window {
	unsigned char *bytes;
	uint64_t from, to; /* offsets inside the ring */
};

static const unsigned char *window_at(struct window *window, const struct journal_file *file, uint64_t offset, size_t len, int *problem)
{
	if (offset >= window->from && offset + len <= window->to)
		return window->bytes + (offset - window->from);
	window->from = offset;
	window->to = offset + WINDOW_SIZE < file->ring_size ? offset + WINDOW_SIZE : file->ring_size;
	*problem = read_at(file->fd, window->bytes, (size_t)(window->to - window->from), HEAD_AREA + offset);
	if (*problem) {
		window->from = window->to = 0;
		return NULL;
	}
	return window->bytes;
}

enum sight { SIGHT_NOTHING, SIGHT_RECORD, SIGHT_DAMAGED };

static enum sight look_at(
	struct window *window, const struct journal_file *file, uint64_t position, struct record *record, int *problem)
{
	uint64_t offset = position % file->ring_size;
	struct record_head head;
	const unsigned char *bytes = window_at(window, file, offset, sizeof head, problem);
	if (bytes == NULL)
		return SIGHT_NOTHING;
	memcpy(&head, bytes, sizeof head);
	if (head.mark != file->mark || head.position != position)
		return SIGHT_NOTHING;
	if (head.len > JOURNAL_PAYLOAD_MAX || offset + record_size(head.len) > file->ring_size)
		return SIGHT_DAMAGED;
	bytes = window_at(window, file, offset, sizeof head + head.len, problem);
	if (bytes == NULL)
		return SIGHT_NOTHING;
	if (head.crc != record_crc(&head, bytes + sizeof head))
		return SIGHT_DAMAGED;
	/* Any other state than DONE is a live one: rather once too often than lost. */
	*record = (struct record){position, head.seq, head.len, head.attempts, head.state == RECORD_DONE};
	return SIGHT_RECORD;
}

enum journal_rc journal_file_scan(struct journal_file *file, void (*found)(void *context, const struct record *record), void *context,
	uint64_t *head, uint64_t *corrupt, struct error *err)
{
	struct window window = {.bytes = mem_new(WINDOW_SIZE)};
	uint64_t position = file->tail, end = file->tail, damaged = 0;
	int problem = 0;
	while (position < file->tail + file->ring_size) {
		struct record record;
		enum sight sight = look_at(&window, file, position, &record, &problem);
		if (problem)
			break;
		damaged += sight == SIGHT_DAMAGED;
		if (sight != SIGHT_RECORD) {
			position += RECORD_ALIGN;
			continue;
		}
		found(context, &record);
		position += record_size(record.len);
		end = position;
	}
	free(window.bytes);
	if (problem)
		return error_set(err, JOURNAL_REFUSED, problem, "the journal cannot be read: %s", error_words(problem));
	*head = end;
	*corrupt = damaged;
	return JOURNAL_OK;
}
