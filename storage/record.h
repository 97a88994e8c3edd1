/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_RECORD_H
#define HC_STORAGE_RECORD_H
/* For backends: deep copies of what stands in records.h into one block each, as the contract promises (store_free frees it), the page
 * that grows, names in texts. Any thread, nothing blocks. */

#include "storage/store.h"

struct chat_record *record_copy_chat(const struct chat_record *from);
struct user_record *record_copy_user(const struct user_record *from);
struct user_chat *record_copy_membership(const struct user_chat *from);
struct device_record *record_copy_device(const struct device_record *from);
const char *const *record_copy_ids(const char *const *ids, size_t count);

/* Whether '@' and the name stand in it; ASCII letters count as equal in both cases. text NULL: no. */
bool text_mentions(const char *text, const char *name);

struct profile_list *record_copy_profiles(const struct profile_list *from);
struct block_list *record_copy_blocks(const struct block_list *from);
struct deleted_list *record_copy_deleted(const struct deleted_list *from);
struct invitation_list *record_copy_invitations(const struct invitation_list *from);
struct notice_list *record_copy_notices(const struct notice_list *from);
struct device_list *record_copy_devices(const struct device_list *from);
struct push_target_list *record_copy_push_targets(const struct push_target_list *from);
struct revocation_list *record_copy_revocations(const struct revocation_list *from);
struct signing_key_list *record_copy_signing_keys(const struct signing_key_list *from);

struct audit_list *record_copy_audit(const struct audit_list *from);

/* What tells one from another, and has their order: the time, big endian, and a digest of all of it. */
enum { AUDIT_KEY_BYTES = 8 + ID_BYTES };
void record_audit_key(const struct audit_record *record, unsigned char key[AUDIT_KEY_BYTES]);
/* Less than that of any record of that time or later. */
void record_audit_key_since(int64_t at_ms, unsigned char key[AUDIT_KEY_BYTES]);

/* A page that is being filled up to its limits. */
struct page_filler {
	struct page page;
	const struct page_limits *limits;
	size_t bytes;
};

/* Whether the page still takes tx. false: it is full, and page.more is set. */
bool page_has_room(struct page_filler *filler, const struct transaction *tx);
void page_add(struct page_filler *filler, struct transaction *tx); /* takes the reference */

#endif
