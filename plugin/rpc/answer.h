/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_ANSWER_H
#define HC_RPC_ANSWER_H
/* What the handlers have in common: arguments, the bound of an answer, failures of the store. The thread of the handler. */

#include "plugin/rpc/table.h"

const char *args_text(const struct rpc_request *request, const char *name); /* NULL: missing */
bool args_has(const struct rpc_request *request, const char *name);
uint64_t args_number(const struct rpc_request *request, const char *name, uint64_t otherwise);

/* An argument that names the acting user must name the caller. */
bool args_name_caller(const struct rpc_request *request, struct verdict *verdict);

/* Bytes that the whole answer may take. */
size_t answer_bound(const struct rpc_request *request);

/* {"result":{"epoch":… and }}. An answer above its bound is refused at the end. */
void answer_begin(struct rpc_request *request);
void answer_end(struct rpc_request *request);
enum { ANSWER_END_BYTES = 2 };

void answer_refuse(struct rpc_request *request, enum refusal code, const char *message); /* message NULL: the standard one */

/* STORE_OK: true. Else it is refused: NOT_FOUND as forbidden, everything else as unavailable, with request->problem for the log. */
bool answer_store_ok(struct rpc_request *request, enum store_rc rc);

/* Whether the caller can reach that user: he exists, and has not blocked the caller. false: refused, by the same steps and with the same words
 * whatever the reason; also for user_id NULL, nobody. Blocks. */
bool answer_reaches(struct rpc_request *request, const char *user_id);

/* Somebody was looked for: rc says whether he was found. Answers with his ID if the caller can reach him. Blocks. */
void answer_found(struct rpc_request *request, enum store_rc rc, const char *user_id);

/* Adds an array of those IDs from number `next` of the arguments on, as many as fit; then limited and next if it was cut. false: refused, not
 * even one fits. */
bool answer_ids(struct rpc_request *request, const char *name, const char *const *ids, size_t count);

/* RPC_LOCAL: hands it back. The request is gone afterwards. */
void local_finish(struct rpc_request *request);

#endif
