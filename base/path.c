/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See path.h. Any thread. dirname of the C library changes what it is given. */
#include "base/path.h"

#include <string.h>

#include "base/buf.h"

char *path_directory(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash == NULL ? mem_text(".") : mem_copy(file, slash == file ? 1 : (size_t)(slash - file));
}
