/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_EXPLAIN_H
#define HC_CTL_EXPLAIN_H
/* hyperchatctl doctor, the part about a token: whom it lets in, or why nobody. One thread, blocks on the file and the store. */

#include "plugin/auth/issuer.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/examine.h"

/* What was found out about one issuer. */
struct finding {
	const struct issuer *issuer;
	struct key_set *keys; /* those that the broker would use; NULL: none */
	bool sound;
};

/* Adds it, without printing the token (a file; "-": stdin). The store is looked into for what was revoked, and for the keys of device
 * tokens. CTL_FAILED: it lets nobody in, or could not be looked at. */
int explain_token(const struct ctl_command *command, struct examination *exam, const struct finding *findings, size_t count, const char *file);

#endif
