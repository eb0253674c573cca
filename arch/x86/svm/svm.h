/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of svm/. */
#ifndef WHERRY_X86_SVM_SVM_H
#define WHERRY_X86_SVM_SVM_H

#include <wherry/types.h>

struct vcpu;

/* An exit of MOV to (write) or from CR8. */
void svm_exit_cr8(struct vcpu *v, bool write);

#endif
