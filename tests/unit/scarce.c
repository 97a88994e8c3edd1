/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#include "tests/unit/scarce.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>

static unsigned calls, failing; /* 0: none fails */
static bool failed;

static bool fails(void)
{
	bool now = ++calls == failing;
	failed = failed || now;
	return now;
}

static void *openssl_new(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : malloc(size);
}

static void *openssl_grow(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size == 0) {
		free(old);
		return NULL;
	}
	return fails() ? NULL : realloc(old, size);
}

static void openssl_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

static void *jansson_new(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void scarce_jansson(void)
{
	json_set_alloc_funcs(jansson_new, free);
}

bool scarce_openssl(void)
{
	return CRYPTO_set_mem_functions(openssl_new, openssl_grow, openssl_free) == 1;
}

void scarce_fail(unsigned number)
{
	calls = 0;
	failing = number;
	failed = false;
}

bool scarce_spared(void)
{
	failing = 0;
	ERR_clear_error();
	return !failed;
}
