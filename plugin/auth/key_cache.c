/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Keys of issuers on disk: a JWK Set that says in two more members whose it is and since when. Blocks. */
#include "plugin/auth/key_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"

char *key_cache_file(const char *directory, const char *issuer)
{
	unsigned char digest[SHA256_BYTES];
	char name[ID_TEXT_LEN + 1];
	struct buf file = BUF_EMPTY;
	sha256(&(struct bytes){issuer, strlen(issuer)}, 1, digest);
	base64url_encode(digest, ID_BYTES, name);
	buf_printf(&file, "%s/hyperchat-keys-%s.json", directory, name);
	return file.data;
}

static bool write_whole(const char *file, const struct buf *text, struct error *err)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, 0, errno, "%s: %s", file, error_words(errno));
	errno = EIO; /* of a write that is merely short */
	bool whole = write(fd, text->data, text->len) == (ssize_t)text->len && fsync(fd) == 0;
	int problem = errno;
	whole = close(fd) == 0 && whole;
	return whole || error_set(err, 0, problem, "%s: %s", file, error_words(problem));
}

bool key_cache_write(const char *file, const char *issuer, const struct key_set *keys, int64_t fetched_at_ms, struct error *err)
{
	struct buf text = BUF_EMPTY, fresh = BUF_EMPTY;
	buf_printf(&fresh, "%s.%ld", file, (long)getpid());
	buf_add_text(&text, "{\"issuer\":");
	json_add_string(&text, issuer, strlen(issuer));
	buf_printf(&text, ",\"fetchedAt\":%lld,\"keys\":", (long long)fetched_at_ms);
	bool written = key_set_write(keys, &text, err);
	buf_add_text(&text, "}\n");
	written = written && write_whole(fresh.data, &text, err);
	if (written && rename(fresh.data, file) != 0)
		written = error_set(err, 0, errno, "%s: %s", file, error_words(errno));
	if (!written)
		unlink(fresh.data);
	buf_fini(&text);
	buf_fini(&fresh);
	return written;
}

/* NULL: err. The caller frees. */
static char *read_whole(const char *file, size_t *len, struct error *err)
{
	FILE *in = fopen(file, "re");
	if (in == NULL) {
		error_set(err, errno == ENOENT ? 0 : -1, errno, "%s: %s", file, error_words(errno));
		return NULL;
	}
	char *text = mem_new(KEYS_FILE_MAX);
	*len = fread(text, 1, KEYS_FILE_MAX, in);
	bool whole = !ferror(in) && *len < KEYS_FILE_MAX;
	fclose(in);
	if (whole)
		return text;
	free(text);
	error_set(err, -1, 0, "%s: cannot be read, or is too long", file);
	return NULL;
}

/* 0: it is not this issuer's. */
static int64_t fetched_at(const char *text, size_t len, const char *issuer)
{
	json_t *json = json_read_object(text, len, NULL);
	const char *whose = json_text(json, "issuer", NULL);
	const json_t *at = json_object_get(json, "fetchedAt");
	int64_t at_ms = whose && strcmp(whose, issuer) == 0 && json_is_integer(at) ? json_integer_value(at) : 0;
	json_decref(json);
	return at_ms;
}

struct key_set *key_cache_read(const char *file, const char *issuer, int64_t *fetched_at_ms, struct error *err)
{
	size_t len;
	char *text = read_whole(file, &len, err);
	if (text == NULL)
		return NULL;
	struct key_set *keys = NULL;
	int64_t at_ms = fetched_at(text, len, issuer);
	if (at_ms <= 0)
		error_set(err, -1, 0, "%s: holds no keys of this issuer", file);
	else
		keys = key_set_read(file, text, len, KEY_PUBLISHED, err);
	if (keys != NULL)
		*fetched_at_ms = at_ms;
	free(text);
	return keys;
}
