/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Runs the whole suite, or the stories whose names match, against the backend that is named on the command line. */
#include <stdio.h>

#include "tests/contract/contract.h"

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3 || !world_choose(argv[1])) {
		fprintf(stderr, "usage: %s [faulty:]memory|sqlite|mongodb [STORY]\n"
						"  STORY may have wildcards: 'a_key_*'\n", argv[0]);
		return 2;
	}
	if (!world_has_what_it_needs()) {
		fprintf(stderr, "HC_MONGODB must name a server (scripts/ferretdb with %s %s starts one)\n", argv[0], argv[1]);
		return 2;
	}
	if (argc == 3)
		cmocka_set_test_filter(argv[2]);
	int failed = run_append_stories() + run_read_stories() + run_member_stories() + run_list_stories() + run_group_stories() +
		run_summary_stories() + run_edit_stories() + run_erasure_stories() + run_state_stories() + run_thread_stories();
	failed += run_people_stories() + run_account_stories() + run_invitation_stories() + run_shared_stories() + run_device_stories() +
		run_push_stories() + run_token_stories() + run_audit_stories() + run_import_stories();
	if (world_is_faulty())
		failed += run_fault_stories();
	printf("contract of %s: %s\n", argv[1], failed ? "FAILED" : "kept");
	return failed ? 1 : 0;
}
