/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators did. Any thread; the lock is held throughout. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"

void data_audit_fini(struct audit_entry *entry)
{
	free((char *)(uintptr_t)entry->record.who);
	free((char *)(uintptr_t)entry->record.command);
	free((char *)(uintptr_t)entry->record.subject);
	free((char *)(uintptr_t)entry->record.details);
	free((char *)(uintptr_t)entry->record.result);
}

/* How many have smaller keys. */
static size_t place_of(const struct memory_data *data, const unsigned char key[AUDIT_KEY_BYTES])
{
	size_t place = 0;
	while (place < data->audit_count && memcmp(data->audit[place].key, key, AUDIT_KEY_BYTES) < 0)
		place++;
	return place;
}

enum store_rc memory_put_audit(struct store *store, const struct audit_record *record, struct error *err)
{
	(void)err;
	struct audit_entry entry;
	record_audit_key(record, entry.key);
	struct memory_data *data = data_lock(store);
	size_t place = place_of(data, entry.key);
	if (place == data->audit_count || memcmp(data->audit[place].key, entry.key, sizeof entry.key) != 0) {
		entry.record = (struct audit_record){record->at_ms, mem_text(record->who), mem_text(record->command), mem_text(record->subject),
			mem_text(record->details), mem_text(record->result)};
		data->audit = mem_grow(data->audit, (data->audit_count + 1) * sizeof *data->audit);
		memmove(data->audit + place + 1, data->audit + place, (data->audit_count - place) * sizeof *data->audit);
		data->audit[place] = entry;
		data->audit_count++;
	}
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                                struct error *err)
{
	(void)err;
	unsigned char key[AUDIT_KEY_BYTES];
	if (before != NULL)
		record_audit_key(before, key);
	struct memory_data *data = data_lock(store);
	size_t older = before != NULL ? place_of(data, key) : data->audit_count;
	size_t count = older < count_max ? older : count_max;
	struct audit_record *found = mem_new(count * sizeof *found);
	for (size_t i = 0; i < count; i++)
		found[i] = data->audit[older - 1 - i].record;
	*list = record_copy_audit(&(struct audit_list){count, found});
	data_unlock(data);
	free(found);
	return STORE_OK;
}

void data_prune_audit(struct memory_data *data, int64_t now_ms)
{
	unsigned char key[AUDIT_KEY_BYTES];
	record_audit_key_since(now_ms - AUDIT_AGE_MS, key);
	size_t old = place_of(data, key);
	if (old == 0)
		return;
	for (size_t i = 0; i < old; i++)
		data_audit_fini(&data->audit[i]);
	data->audit_count -= old;
	memmove(data->audit, data->audit + old, data->audit_count * sizeof *data->audit);
}
