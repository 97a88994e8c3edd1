/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Kids that no key had. One thread at a time. */
#include "plugin/auth/asked.h"

#include <string.h>

#include "base/id.h"

static uint64_t digest_of(const char *kid)
{
	unsigned char digest[SHA256_BYTES];
	uint64_t hash;
	sha256(&(struct bytes){kid, strlen(kid)}, 1, digest);
	memcpy(&hash, digest, sizeof hash);
	return hash;
}

static struct asked *find(struct asked_kids *asked, uint64_t kid)
{
	for (size_t i = 0; i < ASKED_MAX; i++)
		if (asked->kids[i].kid == kid && asked->kids[i].at_ms != 0)
			return &asked->kids[i];
	return NULL;
}

int64_t asked_since(struct asked_kids *asked, const char *kid, int64_t now_ms, int64_t for_ms)
{
	uint64_t digest = digest_of(kid);
	struct asked *found = find(asked, digest);
	if (found != NULL && now_ms - found->at_ms < for_ms)
		return found->at_ms;
	if (found == NULL) {
		found = &asked->kids[asked->next];
		asked->next = (asked->next + 1) % ASKED_MAX;
	}
	*found = (struct asked){.kid = digest, .at_ms = now_ms};
	return 0;
}
