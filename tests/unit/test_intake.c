/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The encoding of commands for the journal: it comes back as it was, and nothing else is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/transfer/intake.h"
#include "plugin/transfer/journal.h"

static const struct intake SAMPLE = {.sender_id = "alice",
	.client_id = "alice/phone",
	.topic = "hc/chat/AAAAAAAAAAAAAAAAAAAAAA/send/a1",
	.payload = "{\"body\": \"h\0i\"}",
	.payload_len = 15,
	.at_ms = INT64_C(1790000000123)};

static void assert_same(const struct intake *left, const struct intake *right)
{
	assert_string_equal(left->sender_id, right->sender_id);
	assert_string_equal(left->client_id, right->client_id);
	assert_string_equal(left->topic, right->topic);
	assert_int_equal(left->payload_len, right->payload_len);
	assert_memory_equal(left->payload, right->payload, left->payload_len);
	assert_int_equal(left->at_ms, right->at_ms);
}

static void a_command_comes_back_as_it_was(void **state)
{
	(void)state;
	struct intake edges = {.sender_id = "", .client_id = "", .topic = "", .payload = "", .at_ms = INT64_MIN}, back;
	const struct intake *samples[] = {&SAMPLE, &edges};
	for (size_t i = 0; i < 2; i++) {
		struct buf bytes = BUF_EMPTY;
		intake_encode(samples[i], &bytes);
		assert_true(intake_decode(bytes.data, bytes.len, &back));
		assert_same(samples[i], &back);
		buf_fini(&bytes);
	}
}

/* Copied to the heap at its exact size, so that the address sanitizer sees a read behind the end. */
static bool decodes(const char *bytes, size_t len, struct intake *intake)
{
	char *copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	struct intake decoded = {0};
	bool ok = intake_decode(copy, len, &decoded);
	if (ok) { /* touch all of it */
		size_t sum = strlen(decoded.sender_id) + strlen(decoded.client_id) + strlen(decoded.topic) + decoded.payload_len;
		assert_int_equal(sum + 1 + 8 + 9 + 4, len);
		*intake = (struct intake){.at_ms = decoded.at_ms, .payload_len = decoded.payload_len};
	}
	free(copy);
	return ok;
}

static void a_cut_or_lengthened_encoding_is_refused(void **state)
{
	(void)state;
	struct buf bytes = BUF_EMPTY;
	struct intake untouched = {.at_ms = 42};
	intake_encode(&SAMPLE, &bytes);
	for (size_t len = 0; len < bytes.len; len++)
		assert_false(decodes(bytes.data, len, &untouched));
	buf_add_char(&bytes, 'x');
	assert_false(decodes(bytes.data, bytes.len, &untouched));
	assert_int_equal(untouched.at_ms, 42);
	buf_fini(&bytes);
}

static void another_version_and_a_nul_inside_are_refused(void **state)
{
	(void)state;
	struct buf bytes = BUF_EMPTY;
	struct intake none;
	intake_encode(&SAMPLE, &bytes);
	bytes.data[0]++;
	assert_false(decodes(bytes.data, bytes.len, &none));
	bytes.data[0]--;
	assert_true(decodes(bytes.data, bytes.len, &none));
	bytes.data[1 + 8 + 2 + 2] = '\0'; /* in "alice" */
	assert_false(decodes(bytes.data, bytes.len, &none));
	buf_fini(&bytes);
}

static void changed_bytes_never_lead_outside(void **state)
{
	(void)state;
	unsigned seed = 20260131;
	print_message("seed %u\n", seed);
	struct buf bytes = BUF_EMPTY;
	struct intake none;
	int decoded = 0;
	for (int round = 0; round < 20000; round++) {
		buf_clear(&bytes);
		intake_encode(&SAMPLE, &bytes);
		for (int changes = 1 + rand_r(&seed) % 3; changes > 0; changes--)
			bytes.data[(size_t)rand_r(&seed) % bytes.len] = (char)rand_r(&seed);
		decoded += decodes(bytes.data, bytes.len - (size_t)(rand_r(&seed) % 3 == 0), &none);
	}
	assert_in_range(decoded, 1000, 19000); /* both outcomes were seen */
	buf_fini(&bytes);
}

static void the_largest_payload_just_fits_a_record(void **state)
{
	(void)state;
	struct intake largest = SAMPLE;
	struct buf bytes = BUF_EMPTY;
	largest.payload_len = (uint32_t)intake_payload_max(&SAMPLE);
	char *payload = calloc(1, largest.payload_len);
	largest.payload = payload;
	intake_encode(&largest, &bytes);
	assert_int_equal(bytes.len, JOURNAL_PAYLOAD_MAX);
	buf_fini(&bytes);
	free(payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_comes_back_as_it_was),
		cmocka_unit_test(a_cut_or_lengthened_encoding_is_refused),
		cmocka_unit_test(another_version_and_a_nul_inside_are_refused),
		cmocka_unit_test(changed_bytes_never_lead_outside),
		cmocka_unit_test(the_largest_payload_just_fits_a_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
