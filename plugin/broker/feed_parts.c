/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a feed is made of: lines, parcels, tracks. Broker thread. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/broker/feed.h"
#include "plugin/chat/line.h"

struct line *line_new(const char *chat_id, uint64_t number, const char *text, size_t len)
{
	struct line *line = mem_new(sizeof *line + len);
	line->references = 1;
	line->number = number;
	line->hint = false;
	strcpy(line->chat_id, chat_id);
	line->len = (uint32_t)len;
	memcpy(line->text, text, len);
	return line;
}

struct line *line_new_hint(const char *chat_id, uint64_t number)
{
	struct buf text = BUF_EMPTY;
	line_add_latest(&text, chat_id, number);
	struct line *line = line_new(chat_id, number, text.data, text.len);
	line->hint = true;
	buf_fini(&text);
	return line;
}

void line_drop(struct line *line)
{
	if (--line->references == 0)
		free(line);
}

void parcel_free(struct parcel *parcel)
{
	for (size_t i = 0; i < parcel->mark_count; i++)
		free(parcel->marks[i].chat_id);
	free(parcel->marks);
	free(parcel->topic);
	free(parcel->payload);
	free(parcel);
}

struct track *feed_find(struct feed *feed, const char *chat_id)
{
	struct track *track;
	HASH_FIND_STR(feed->tracks, chat_id, track);
	return track;
}

struct track *feed_track(struct feed *feed, const char *chat_id, uint64_t handed)
{
	struct track *track = feed_find(feed, chat_id);
	if (track == NULL) {
		track = mem_zero(sizeof *track);
		track->chat_id = mem_text(chat_id);
		track->handed = track->queued = track->latest = track->safe = track->stored = handed;
		HASH_ADD_KEYPTR(hh, feed->tracks, track->chat_id, strlen(track->chat_id), track);
	}
	return track;
}
