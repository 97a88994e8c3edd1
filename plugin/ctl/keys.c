/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl keys: a fresh key set for trying out. One thread, may block. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/auth/key_make.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"

/* The set as text, with the private part. */
static bool make(const struct alg *alg, char kid[KEY_KID_LEN + 1], struct buf *out, struct error *err)
{
	buf_add_text(out, "{\"keys\":[");
	bool made = key_make(alg, kid, out, err);
	buf_add_text(out, "]}\n");
	return made;
}

/* All of it, readable by its owner alone, or no file at all. Never over another one. */
static bool write_new(const char *file, const struct buf *text, struct error *err)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set(err, 0, errno, "%s: %s", file, errno == EEXIST ? "there is such a file, and it is left alone" : strerror(errno));
	ssize_t written = write(fd, text->data, text->len);
	bool whole = written == (ssize_t)text->len && fsync(fd) == 0;
	if (!whole)
		error_set(err, 0, errno, "%s: %s", file, written >= 0 && written < (ssize_t)text->len ? "not written to its end" : strerror(errno));
	if (close(fd) != 0 && whole)
		whole = error_set(err, 0, errno, "%s: %s", file, strerror(errno));
	if (!whole)
		unlink(file);
	return whole;
}

static void print_json(const char *file, const struct alg *alg, const char *kid)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "file", file);
	object_add_text(&line, "alg", alg->name);
	object_add_text(&line, "kid", kid);
	object_print(&line);
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *file = NULL, *name = "ES256", *json = NULL;
	const struct ctl_option options[] = {{"out", &file, 1}, {"alg", &name, 0}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	const struct alg *alg = alg_by_name(name);
	if (alg == NULL)
		return ctl_misused(command, "--alg '%s' is not known", name);
	char kid[KEY_KID_LEN + 1];
	struct buf text = BUF_EMPTY;
	struct error err;
	rc = make(alg, kid, &text, &err) && write_new(file, &text, &err) ? CTL_OK : ctl_failed(command, "%s", err.text);
	if (rc == CTL_OK && json != NULL)
		print_json(file, alg, kid);
	if (text.data)
		OPENSSL_cleanse(text.data, text.size);
	buf_fini(&text);
	return rc;
}

const struct ctl_command ctl_keys = {
	.name = "keys",
	.summary = "make a key set for trying out",
	.usage = "Usage: hyperchatctl keys --out FILE [--alg ES256] [--json]\n\n"
			 "Writes a JWK Set with one fresh key, private part included, readable by you alone. The broker takes the\n"
			 "file as plugin_opt_keys (and looks only at the public part), 'hyperchatctl token' signs with it.\n"
			 "With a real OpenID provider use its public keys instead.\n\n"
			 "  --out FILE   must not exist\n"
			 "  --alg NAME   HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512 (RSA of 2048 bits),\n"
			 "               ES256, ES384, ES512 or EdDSA (Ed25519); 'hyperchatctl token' can use HS, RS and ES\n"
			 "  --json       an object: file, alg, kid; nothing is printed without it\n",
	.run = run,
};
