/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See files.h. */
#include "plugin/ctl/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

static bool failed(const char *file, int problem, struct error *err)
{
	return error_set(err, 0, problem, "%s: %s", file, problem == EEXIST ? "there is such a file, and it is left alone" : error_words(problem));
}

/* Names are on the disk when their directory is. */
static bool sync_directory_of(const char *file, struct error *err)
{
	char *directory = path_directory(file);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	if (!good)
		failed(directory, errno, err);
	if (fd >= 0)
		close(fd);
	free(directory);
	return good;
}

int files_make_own(const char *path, struct error *err)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		error_set(err, 0, errno, "%s: %s", path, error_words(errno));
		return -1;
	}
	bool own = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == geteuid();
	if (own && fchmod(fd, 0600) == 0)
		return fd;
	error_set(err, 0, 0, "%s: is there already, and somebody else may read it; remove it first", path);
	close(fd);
	return -1;
}

bool files_replace(const char *from, const char *to, struct error *err)
{
	return rename(from, to) == 0 ? sync_directory_of(to, err) : failed(to, errno, err);
}

bool files_put_in_place(const char *from, const char *to, struct error *err)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return sync_directory_of(to, err);
	if (errno != EINVAL) /* the file system does not know how */
		return failed(to, errno, err);
	return access(to, F_OK) == 0 ? failed(to, EEXIST, err) : files_replace(from, to, err);
}

bool files_also_name(const char *file, const char *to, bool *there, struct error *err)
{
	*there = link(file, to) == 0;
	if (*there)
		return sync_directory_of(to, err);
	return errno == ENOENT && access(file, F_OK) != 0 ? true : failed(to, errno, err);
}

bool files_remove_name(const char *file, struct error *err)
{
	if (unlink(file) != 0)
		return errno == ENOENT ? true : failed(file, errno, err);
	return sync_directory_of(file, err);
}
