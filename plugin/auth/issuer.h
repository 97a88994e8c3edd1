/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_ISSUER_H
#define HC_AUTH_ISSUER_H
/* Whom we believe about who somebody is, as the operator says it: one issuer by options, or several in a file.
 *
 * The file is one JSON object (docs/sign-on.md):
 *
 *   {"issuers": [{"issuer": "https://id.example/realms/chat", "audience": "hyperchat" or ["hyperchat", …], "prefix": "",
 *                 "user_claim": "sub", "name_claim": "name", "operator_claim": "roles", "operator_role": "hyperchat-operator",
 *                 "authorized_parties": ["app"], "algorithms": ["ES256"], "leeway": 30, "keys": "/etc/hyperchat/keys.json"}, …]}
 *
 * `issuer` and `audience` are needed, `prefix` where there are several issuers. With `keys` the keys come from that file, else by
 * discovery.
 *
 * Two issuers whose prefixes are equal name the same people, and the operator has said so. A prefix that another one begins with is
 * refused: then one issuer could name people of the other by a long name. Any thread, one at a time; issuer_list_add_file blocks on the file. */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "plugin/auth/jwt.h"

enum {
	ISSUERS_MAX = 16,
	ISSUER_NAMES_MAX = 16, /* audiences, parties, algorithms of one */
	ISSUER_PREFIX_MAX = 32,
	ISSUER_LEEWAY_MAX_S = 300,
	ISSUERS_FILE_MAX = 64 << 10,
};

#define ISSUER_OPERATOR_ROLE "hyperchat-operator" /* where none is named */

struct names {
	char **list;
	size_t count;
};

struct issuer {
	char *url;  /* the token's `iss` */
	char *keys; /* file; NULL: by discovery, from url */
	char *prefix, *user_claim;
	char *name_claim;     /* NULL: none */
	char *operator_claim; /* NULL: nobody is an operator */
	char *operator_role;
	struct names audiences, parties;
	struct names algs; /* none: whatever its keys are for */
	int leeway_s;
};

struct issuer_list {
	struct issuer *issuers;
	size_t count;
};

/* Adds one; all texts are copied. keys, name_claim and operator_claim may be NULL or "": none. */
struct issuer_options {
	const char *url, *keys, *audience, *user_claim, *name_claim, *operator_claim, *operator_role;
	int leeway_s;
};
void issuer_list_add(struct issuer_list *list, const struct issuer_options *options);

/* Adds those of the text, or of the file. false: err says where it is wrong; the list is for issuer_list_fini alone. */
bool issuer_list_add_text(struct issuer_list *list, const char *text, size_t len, struct error *err);
bool issuer_list_add_file(struct issuer_list *list, const char *file, struct error *err);

/* What must hold for all together: no issuer twice, none that is called as the chat's own (device_token.h), prefixes as said above, https for those
 * with discovery. */
bool issuer_list_check(const struct issuer_list *list, struct error *err);

void issuer_list_fini(struct issuer_list *list);

/* The issuer's; it stays as long as the issuer. */
struct jwt_policy issuer_policy(const struct issuer *issuer);

/* Its keys from its file, restricted to its algorithms. NULL: err. Blocks. */
struct key_set *issuer_load_keys(const struct issuer *issuer, struct error *err);

#endif
