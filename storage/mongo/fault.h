/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_FAULT_H
#define HC_STORAGE_MONGO_FAULT_H
/* For tests: what a network does to single commands, decided just before each is sent. In the product nobody sets it. Set it while no call
 * is under way; decide is called on the calls' threads. */

#include <stdbool.h>

enum mongo_fault {
	MONGO_NO_FAULT,
	MONGO_FAIL,        /* nothing is sent */
	MONGO_LOSE,        /* it is lost on its way, which the sender cannot know */
	MONGO_DO_AND_LOSE, /* it is done, and the answer is lost. Of a read: as MONGO_FAIL */
};

struct mongo_faults {
	enum mongo_fault (*decide)(void *context, const char *collection, bool write); /* NULL: no faults */
	void *context;
};

extern struct mongo_faults mongo_faults;

#endif
