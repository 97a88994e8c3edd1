/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See disk.h. */
#include "tests/contract/disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { IMAGES_MAX = 8, SECTOR_BYTES = 512 };

struct change {
	sqlite3_int64 at; /* of a truncation: the new size */
	struct buf bytes;
	bool truncates;
};

/* What is on the disk of a file, and what is only in the page cache. */
struct image {
	char path[128]; /* "": free */
	struct buf synced;
	struct change *changes;
	size_t change_count, change_max;
};

struct disk_file {
	sqlite3_file base;
	struct image *image; /* NULL: not watched, or of the kind that needs no image */
	sqlite3_file *real;
};

static struct disk {
	sqlite3_vfs vfs, *real;
	char dir[64];
	struct image images[IMAGES_MAX];
	struct disk_plan plan;
	unsigned calls[DISK_CALLS], changes;
	bool failed;
	uint64_t random;

	unsigned power_at; /* 0: never */
	const char *power_to;
	uint64_t power_seed;
	void (*lost)(void *context);
	void *context;
} disk;

static bool is_watched(const char *path)
{
	return path && disk.dir[0] != '\0' && strncmp(path, disk.dir, strlen(disk.dir)) == 0;
}

/* ---- images ---- */

static uint64_t rnd(uint64_t *random, uint64_t below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (*random >> 11) % below;
}

static void set_size(struct buf *bytes, size_t size)
{
	if (size > bytes->len) {
		buf_reserve(bytes, size - bytes->len);
		memset(bytes->data + bytes->len, 0, size - bytes->len);
	}
	bytes->len = size;
}

static void put_bytes(struct buf *to, size_t at, const char *bytes, size_t len)
{
	if (to->len < at + len)
		set_size(to, at + len);
	memcpy(to->data + at, bytes, len);
}

/* Each sector of it comes or does not. mode 0: none, 1: all, 2: any. */
static void put_some(struct buf *to, const struct change *change, uint64_t *random, unsigned mode)
{
	if (change->truncates) {
		if (mode == 1 || (mode == 2 && rnd(random, 2) == 0))
			set_size(to, (size_t)change->at);
		return;
	}
	for (size_t done = 0; done < change->bytes.len;) {
		size_t at = (size_t)change->at + done, piece = SECTOR_BYTES - at % SECTOR_BYTES;
		if (piece > change->bytes.len - done)
			piece = change->bytes.len - done;
		if (mode == 1 || (mode == 2 && rnd(random, 2) == 0))
			put_bytes(to, at, change->bytes.data + done, piece);
		done += piece;
	}
}

static void forget_changes(struct image *image)
{
	for (size_t i = 0; i < image->change_count; i++)
		buf_fini(&image->changes[i].bytes);
	image->change_count = 0;
}

static void image_sync(struct image *image, unsigned mode)
{
	for (size_t i = 0; i < image->change_count; i++)
		put_some(&image->synced, &image->changes[i], &disk.random, mode);
	forget_changes(image);
}

static void image_free(struct image *image)
{
	forget_changes(image);
	free(image->changes);
	buf_fini(&image->synced);
	*image = (struct image){0};
}

static void image_change(struct image *image, sqlite3_int64 at, const void *bytes, size_t len, bool truncates)
{
	if (image->change_count == image->change_max) {
		image->change_max = image->change_max ? image->change_max * 2 : 16;
		image->changes = mem_grow(image->changes, image->change_max * sizeof *image->changes);
	}
	struct change *change = &image->changes[image->change_count++];
	*change = (struct change){.at = at, .truncates = truncates};
	buf_add(&change->bytes, bytes, len);
}

static void read_whole(const char *path, struct buf *bytes)
{
	char piece[4096];
	size_t len;
	FILE *file = fopen(path, "r");
	while (file && (len = fread(piece, 1, sizeof piece, file)) > 0)
		buf_add(bytes, piece, len);
	if (file)
		fclose(file);
}

static struct image *find_image(const char *path)
{
	for (size_t i = 0; i < IMAGES_MAX; i++)
		if (strcmp(disk.images[i].path, path) == 0)
			return &disk.images[i];
	return NULL;
}

/* What a file has that was not there before counts as synced. */
static struct image *image_of(const char *path)
{
	struct image *image = find_image(path);
	if (image)
		return image;
	image = find_image("");
	if (image == NULL || strlen(path) >= sizeof image->path)
		abort();
	strcpy(image->path, path);
	read_whole(path, &image->synced);
	return image;
}

static void path_beside(const struct image *image, const char *to, char path[128])
{
	if (snprintf(path, 128, "%s%s", to, strrchr(image->path, '/')) >= 128)
		abort();
}

static void write_beside(const struct image *image, const char *to, const struct buf *bytes)
{
	char path[128];
	path_beside(image, to, path);
	FILE *file = fopen(path, "w");
	if (file == NULL || fwrite(bytes->data, 1, bytes->len, file) != bytes->len || fclose(file) != 0)
		abort();
}

/* A third each: nothing since the last sync, all of it, any sectors of it. */
static void save_image(const struct image *image, const char *to, uint64_t *random)
{
	struct buf bytes = BUF_EMPTY;
	unsigned mode = (unsigned)rnd(random, 3);
	buf_add(&bytes, image->synced.data, image->synced.len);
	for (size_t i = 0; i < image->change_count; i++)
		put_some(&bytes, &image->changes[i], random, mode);
	write_beside(image, to, &bytes);
	buf_fini(&bytes);
}

void disk_lose_power(const char *to, uint64_t seed)
{
	uint64_t random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t i = 0; i < IMAGES_MAX; i++)
		if (is_watched(disk.images[i].path))
			save_image(&disk.images[i], to, &random);
}

static void copy_image(const struct image *image, const char *to)
{
	struct buf bytes = BUF_EMPTY;
	struct image *copy = find_image("");
	if (copy == NULL)
		abort();
	read_whole(image->path, &bytes);
	write_beside(image, to, &bytes);
	buf_fini(&bytes);
	path_beside(image, to, copy->path);
	buf_add(&copy->synced, image->synced.data, image->synced.len);
	for (size_t i = 0; i < image->change_count; i++)
		image_change(copy, image->changes[i].at, image->changes[i].bytes.data, image->changes[i].bytes.len, image->changes[i].truncates);
}

void disk_die(const char *to)
{
	bool here[IMAGES_MAX];
	for (size_t i = 0; i < IMAGES_MAX; i++)
		here[i] = is_watched(disk.images[i].path);
	for (size_t i = 0; i < IMAGES_MAX; i++)
		if (here[i])
			copy_image(&disk.images[i], to);
	snprintf(disk.dir, sizeof disk.dir, "%s/", to);
}

/* ---- counting ---- */

static void changing(void)
{
	if (++disk.changes == disk.power_at) {
		disk_lose_power(disk.power_to, disk.power_seed);
		disk.lost(disk.context);
	}
}

/* Whether this call fails. */
static bool fails(enum disk_call call)
{
	unsigned number = ++disk.calls[call];
	bool failing = call == disk.plan.call && number >= disk.plan.first && number - disk.plan.first < disk.plan.count;
	disk.failed = disk.failed || failing;
	return failing;
}

/* ---- files ---- */

static struct disk_file *of(sqlite3_file *file)
{
	return (struct disk_file *)file;
}

static int file_close(sqlite3_file *file)
{
	return of(file)->real->pMethods->xClose(of(file)->real);
}

static int file_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct disk_file *self = of(file);
	if (self->image && fails(DISK_READ))
		return SQLITE_IOERR_READ;
	return self->real->pMethods->xRead(self->real, to, len, at);
}

static int write_piece(struct disk_file *self, const void *bytes, int len, sqlite3_int64 at)
{
	image_change(self->image, at, bytes, (size_t)len, false);
	return self->real->pMethods->xWrite(self->real, bytes, len, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct disk_file *self = of(file);
	if (self->image == NULL)
		return self->real->pMethods->xWrite(self->real, bytes, len, at);
	changing();
	if (!fails(DISK_WRITE))
		return write_piece(self, bytes, len, at);
	if (disk.plan.fault == DISK_SHORT && len > 1)
		write_piece(self, bytes, len / 2, at);
	return disk.plan.fault == DISK_EIO ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct disk_file *self = of(file);
	if (self->image) {
		changing();
		if (fails(DISK_TRUNCATE))
			return SQLITE_IOERR_TRUNCATE;
		image_change(self->image, size, NULL, 0, true);
	}
	return self->real->pMethods->xTruncate(self->real, size);
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct disk_file *self = of(file);
	(void)flags;
	if (self->image == NULL)
		return SQLITE_OK;
	changing();
	bool failing = fails(DISK_SYNC);
	image_sync(self->image, failing ? 2 : 1);
	return failing ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

/* What only passes on. */
#define REAL(file) (of(file)->real)
static int file_size(sqlite3_file *file, sqlite3_int64 *size) { return REAL(file)->pMethods->xFileSize(REAL(file), size); }
static int file_lock(sqlite3_file *file, int lock) { return REAL(file)->pMethods->xLock(REAL(file), lock); }
static int file_unlock(sqlite3_file *file, int lock) { return REAL(file)->pMethods->xUnlock(REAL(file), lock); }
static int file_locked(sqlite3_file *file, int *out) { return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out); }
static int file_control(sqlite3_file *file, int op, void *arg) { return REAL(file)->pMethods->xFileControl(REAL(file), op, arg); }
static int file_sector(sqlite3_file *file) { return REAL(file)->pMethods->xSectorSize(REAL(file)); }
static int file_device(sqlite3_file *file) { return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file)); }
static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **map)
{
	return REAL(file)->pMethods->xShmMap(REAL(file), region, size, extend, map);
}
static int shm_lock(sqlite3_file *file, int at, int count, int flags) { return REAL(file)->pMethods->xShmLock(REAL(file), at, count, flags); }
static void shm_barrier(sqlite3_file *file) { REAL(file)->pMethods->xShmBarrier(REAL(file)); }
static int shm_unmap(sqlite3_file *file, int removes) { return REAL(file)->pMethods->xShmUnmap(REAL(file), removes); }

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, .xSync = file_sync, .xFileSize = file_size,
	.xLock = file_lock, .xUnlock = file_unlock, .xCheckReservedLock = file_locked, .xFileControl = file_control,
	.xSectorSize = file_sector, .xDeviceCharacteristics = file_device,
	.xShmMap = shm_map, .xShmLock = shm_lock, .xShmBarrier = shm_barrier, .xShmUnmap = shm_unmap,
};

/* ---- memory ---- */

static sqlite3_mem_methods memory;

static void *memory_new(int size)
{
	return fails(DISK_MEMORY) ? NULL : memory.xMalloc(size);
}

static void *memory_grow(void *old, int size)
{
	return fails(DISK_MEMORY) ? NULL : memory.xRealloc(old, size);
}

void disk_count_memory(void)
{
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) != SQLITE_OK)
		abort();
	sqlite3_mem_methods counting = memory;
	counting.xMalloc = memory_new;
	counting.xRealloc = memory_grow;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &counting) != SQLITE_OK)
		abort();
}

/* ---- the VFS ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out)
{
	struct disk_file *self = of(file);
	(void)vfs;
	*self = (struct disk_file){.real = (sqlite3_file *)(self + 1)};
	bool watched = is_watched(path);
	if (watched && fails(DISK_OPEN))
		return SQLITE_CANTOPEN;
	int code = disk.real->xOpen(disk.real, path, self->real, flags, flags_out);
	if (self->real->pMethods == NULL)
		return code;
	self->base.pMethods = &methods;
	if (code == SQLITE_OK && watched)
		self->image = image_of(path);
	return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	(void)vfs;
	struct image *image = is_watched(path) ? find_image(path) : NULL;
	if (is_watched(path)) {
		changing();
		if (fails(DISK_DELETE))
			return SQLITE_IOERR_DELETE;
	}
	int code = disk.real->xDelete(disk.real, path, sync);
	if (image && code == SQLITE_OK)
		image_free(image);
	return code;
}

void disk_watch(const char *dir)
{
	if (disk.real == NULL) {
		disk.real = sqlite3_vfs_find(NULL);
		disk.vfs = *disk.real;
		disk.vfs.zName = "disk";
		disk.vfs.pNext = NULL;
		disk.vfs.szOsFile = (int)sizeof(struct disk_file) + disk.real->szOsFile;
		disk.vfs.xOpen = vfs_open;
		disk.vfs.xDelete = vfs_delete;
		sqlite3_vfs_register(&disk.vfs, 1);
	}
	disk_unwatch();
	snprintf(disk.dir, sizeof disk.dir, "%s/", dir);
	disk.random = 42;
}

void disk_unwatch(void)
{
	for (size_t i = 0; i < IMAGES_MAX; i++)
		image_free(&disk.images[i]);
	disk.dir[0] = '\0';
	disk.power_at = 0;
	disk_arm(NULL);
}

void disk_arm(const struct disk_plan *plan)
{
	disk.plan = plan ? *plan : (struct disk_plan){0};
	memset(disk.calls, 0, sizeof disk.calls);
	disk.failed = false;
	disk.changes = 0;
}

bool disk_failed(void)
{
	return disk.failed;
}

unsigned disk_calls(enum disk_call call)
{
	return disk.calls[call];
}

void disk_lose_power_at(unsigned number, const char *to, uint64_t seed, void (*lost)(void *context), void *context)
{
	disk.power_at = number;
	disk.power_to = to;
	disk.power_seed = seed;
	disk.lost = lost;
	disk.context = context;
}
