/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_LOGDOC_H
#define HC_STORAGE_MONGO_LOGDOC_H
/* A document of the log is one append of one chat: {_id: number_key(chat, first), n, p, w, s, g, t}.
 *
 *   n  the last number      p  the position of the last one; those of the others precede it without a gap
 *   w  the writer, or an array of them where there are several
 *   s  true: something of it changes the projections (members, the chat, erased texts)
 *   g  [number_key(chat, target), …] of what refers to a message; missing: nothing does
 *   t  the transactions: {y: type, s: sender, a: at, k: key, h: key hash, r: target, c: content type, l: client time, q: quote revision,
 *      b: body, bs: its salt or commitment, e: quote, es: likewise, x: head, v: first encoding, w: which of the writers}; what is 0 or
 *      was never given is missing, and so is an erased text, whose bs or es is there
 *
 * Any thread; nothing blocks. */

#include "storage/mongo/handle.h"

bool transaction_changes_projections(const struct transaction *tx);

/* The document of those transactions, at least one. position: of the last. Destroy it. */
bson_t *log_doc_new(struct transaction *const *transactions, size_t count, uint64_t position);

struct log_doc {
	char chat_id[CHAT_ID_MAX + 1];
	uint64_t first, last;
	uint64_t position;
	bool changes; /* s */
	/* inner */
	const bson_t *doc;
	bson_iter_t t;
	uint64_t next;
};

/* doc must live as long as it is read from. CORRUPT: it is no such document. */
enum store_rc log_doc_open(const bson_t *doc, struct log_doc *log_doc, struct error *err);
/* All of them, owned by the caller: references and the array. CORRUPT: damaged. */
enum store_rc log_doc_transactions(const bson_t *doc, struct transaction ***transactions, size_t *count, struct error *err);

/* Documents of one chat that begin in from…to, and the one that has `from` in its midst; see log.c. */
struct log_range {
	const char *chat_id;
	uint64_t from, to;
	enum log_order order;
	size_t doc_max; /* 0: all */
};
typedef bool log_doc_visit(void *context, const bson_t *doc);
enum store_rc log_visit_docs(struct db *db, const struct log_range *range, log_doc_visit *visit, void *context, struct error *err);

/* mongo_visit_log over at most range->doc_max documents: as many as transactions are wanted at most, so that the server does not send more. */
enum store_rc log_visit_range(struct db *db, const struct log_range *range, log_visit *visit, void *context, struct error *err);
/* Those that begin in from…to and hold something which refers to the message `target`; ascending, all of them. LOG_CHANGES: without those that
 * hold neither an edit nor a deletion, so the server does not send thousands of replies; what is damaged comes all the same. */
enum log_references { LOG_REFERENCES, LOG_CHANGES };
enum store_rc log_visit_referring_docs(struct db *db, const struct log_range *range, uint64_t target, enum log_references which,
                                       log_doc_visit *visit, void *context, struct error *err);

/* Calls visit for what was appended together with a change of any of those messages, newest first (range->order), out of the newest range->doc_max
 * documents that begin within the range. One question for all of them. *rest: what is left ends there; 0: nothing is. */
enum store_rc log_visit_changes_of_any(struct db *db, const struct log_range *range, const uint64_t *targets, size_t count, log_visit *visit,
                                       void *context, uint64_t *rest, struct error *err);

#endif
