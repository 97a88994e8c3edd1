/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_SCARCE_H
#define HC_TESTS_SCARCE_H
/* Memory that is short: one allocation of jansson's or OpenSSL's fails, the others do not. Our own are not counted: they abort (base/buf.h). One thread. */

#include <stdbool.h>

/* Whose allocations count; called first of all. false: OpenSSL has allocated already. */
void scarce_jansson(void);
bool scarce_openssl(void);

/* From here on: allocation `number`, 1, 2, … 0: none. */
void scarce_fail(unsigned number);

/* Whether all went by since then without a failure; and none fails any more. */
bool scarce_spared(void);

#endif
