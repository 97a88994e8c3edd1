/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The write-ahead log, written in one piece and made longer in steps. A file belongs to one connection, which has one thread at a time. */
#include "storage/sqlite/walfile.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum {
	PIECE_MAX = 0x1ffff, /* SQLite's own VFS for Unix writes no more than that at once: it cuts off what is above */
	PIECE_FIRST = 0x4000,
	STEP = 0x20000, /* more would be fewer steps, each of which a commit waits for: no faster in all, but the slowest are slower */
};

/* The real file stands behind it in memory. */
struct wal_file {
	sqlite3_file base;
	unsigned char *piece; /* what is not written yet; it belongs at `at` */
	size_t len, size;
	sqlite3_int64 at;
	sqlite3_int64 ready; /* to write up to here makes the file no longer */
};

static struct wal_file *of(sqlite3_file *file)
{
	return (struct wal_file *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
	return (sqlite3_file *)(of(file) + 1);
}

/* ---- writing ---- */

/* Zeros behind `end`: no frame of SQLite's looks like that. Only what stands behind the end of the file is anybody's to write, and others make it longer,
 * too. Where there is no room the log goes on without. */
static void make_longer(struct wal_file *self, sqlite3_file *file, sqlite3_int64 end)
{
	static const unsigned char zeros[STEP / 8];
	sqlite3_int64 size = 0;
	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return;
	self->ready = size;
	if (size > end)
		return;
	for (self->ready = end; self->ready < end + STEP; self->ready += sizeof zeros)
		if (file->pMethods->xWrite(file, zeros, sizeof zeros, self->ready) != SQLITE_OK)
			return;
}

/* Where it fails the piece is gone: SQLite rolls the transaction back, and writes in its place again. */
static int write_out(sqlite3_file *file)
{
	struct wal_file *self = of(file);
	int len = (int)self->len;
	self->len = 0;
	if (len == 0)
		return SQLITE_OK;
	int code = real(file)->pMethods->xWrite(real(file), self->piece, len, self->at);
	if (self->at == 0) /* it begins anew, and may have been cut */
		self->ready = 0;
	if (code == SQLITE_OK && self->at + len > self->ready)
		make_longer(self, real(file), self->at + len);
	return code;
}

static void keep(struct wal_file *self, const void *bytes, size_t len, sqlite3_int64 at)
{
	while (self->len + len > self->size) {
		self->size = self->size == 0 ? PIECE_FIRST : self->size * 2;
		self->piece = mem_grow(self->piece, self->size);
	}
	if (self->len == 0)
		self->at = at;
	memcpy(self->piece + self->len, bytes, len);
	self->len += len;
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct wal_file *self = of(file);
	bool follows = self->len == 0 || at == self->at + (sqlite3_int64)self->len;
	if (!follows || self->len + (size_t)len > PIECE_MAX) {
		int code = write_out(file);
		if (code != SQLITE_OK)
			return code;
	}
	if (len > PIECE_MAX)
		return real(file)->pMethods->xWrite(real(file), bytes, len, at);
	keep(self, bytes, (size_t)len, at);
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	int code = write_out(file);
	return code == SQLITE_OK ? real(file)->pMethods->xSync(real(file), flags) : code;
}

/* ---- what has to see it ---- */

/* A piece that could not be written is no error of reading: SQLite has to roll back. */
static int file_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	return write_out(file) == SQLITE_OK ? real(file)->pMethods->xRead(real(file), to, len, at) : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code = write_out(file);
	return code == SQLITE_OK ? real(file)->pMethods->xTruncate(real(file), size) : code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	int code = write_out(file);
	return code == SQLITE_OK ? real(file)->pMethods->xFileSize(real(file), size) : code;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	int code = write_out(file);
	return code == SQLITE_OK ? real(file)->pMethods->xFileControl(real(file), op, arg) : code;
}

/* What is left was never committed, and the place may be somebody else's by now. */
static int file_close(sqlite3_file *file)
{
	free(of(file)->piece);
	of(file)->piece = NULL;
	of(file)->len = of(file)->size = 0;
	return real(file)->pMethods->xClose(real(file));
}

/* ---- what only passes on ---- */

static int file_lock(sqlite3_file *file, int lock) { return real(file)->pMethods->xLock(real(file), lock); }
static int file_unlock(sqlite3_file *file, int lock) { return real(file)->pMethods->xUnlock(real(file), lock); }
static int file_is_reserved(sqlite3_file *file, int *out) { return real(file)->pMethods->xCheckReservedLock(real(file), out); }
static int file_sector(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }
static int file_device(sqlite3_file *file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }

static const sqlite3_io_methods methods = {
	.iVersion = 1, /* a write-ahead log is neither mapped nor shared memory's file */
	.xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync, .xFileSize = file_size,
	.xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_is_reserved, .xFileControl = file_control,
	.xSectorSize = file_sector, .xDeviceCharacteristics = file_device,
};

/* ---- the VFS ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs vfs, *below;

/* Without POWERSAFE_OVERWRITE SQLite fills up the disk's sector behind a commit, and syncs in the midst of that: then nothing is kept. */
static bool is_plain(const char *wal_path)
{
	sqlite3_file *database = sqlite3_database_file_object(wal_path);
	return (database->pMethods->xDeviceCharacteristics(database) & SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
}

static int open_file(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *flags_out)
{
	(void)self;
	if ((flags & SQLITE_OPEN_WAL) == 0 || !is_plain(path))
		return below->xOpen(below, path, file, flags, flags_out);
	*of(file) = (struct wal_file){0};
	int code = below->xOpen(below, path, real(file), flags, flags_out);
	if (real(file)->pMethods != NULL)
		of(file)->base.pMethods = &methods;
	return code;
}

static void make_over(sqlite3_vfs *now)
{
	if (vfs.zName != NULL)
		sqlite3_vfs_unregister(&vfs);
	below = now;
	vfs = *now;
	vfs.pNext = NULL;
	vfs.zName = "hyperchat-wal";
	vfs.szOsFile = now->szOsFile + (int)sizeof(struct wal_file);
	vfs.xOpen = open_file;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
		vfs.zName = NULL;
}

const char *walfile_vfs(void)
{
	pthread_mutex_lock(&lock);
	sqlite3_vfs *now = sqlite3_vfs_find(NULL);
	if (now != NULL && now != below) /* the first time; and tests have one of their own */
		make_over(now);
	const char *name = vfs.zName;
	pthread_mutex_unlock(&lock);
	return name;
}

/* The library may stay in the process when the plugin goes. */
__attribute__((destructor)) static void leave(void)
{
	if (vfs.zName != NULL)
		sqlite3_vfs_unregister(&vfs);
}
