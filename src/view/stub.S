/* The entry points that are passed on: a jump to the backend's function, which is looked up at the first call.
 * NVML passes no floating-point numbers, so that the registers of integers are all that a look-up has to keep. */
#ifdef __CET__
#include <cet.h>
#endif

    .text
    .hidden backend_targets
    .hidden backend_look_up

#if defined(__x86_64__)

.macro BEGIN name
    .globl \name
    .type \name, @function
    .p2align 4
\name:
    .cfi_startproc
#ifdef __CET__
    _CET_ENDBR
#endif
.endm

.macro END name
    .cfi_endproc
    .size \name, . - \name
.endm

.macro PASS_ON name number
    BEGIN \name
    movq backend_targets + 8 * \number(%rip), %r11
    testq %r11, %r11
    je 1f
    jmp *%r11
1:  movl $\number, %r11d
    jmp look_up
    END \name
.endm

.macro LOOK_UP name number
    BEGIN \name
    movl $\number, %r11d
    jmp look_up
    END \name
.endm

.macro KEEP register
    pushq \register
    .cfi_adjust_cfa_offset 8
.endm

.macro GIVE_BACK register
    popq \register
    .cfi_adjust_cfa_offset -8
.endm

    .type look_up, @function
look_up:
    .cfi_startproc
    KEEP %rdi
    KEEP %rsi
    KEEP %rdx
    KEEP %rcx
    KEEP %r8
    KEEP %r9
    KEEP %r9 /* for the stack's alignment */
    movl %r11d, %edi
    call backend_look_up
    GIVE_BACK %r9
    GIVE_BACK %r9
    GIVE_BACK %r8
    GIVE_BACK %rcx
    GIVE_BACK %rdx
    GIVE_BACK %rsi
    GIVE_BACK %rdi
    jmp *%rax
    .cfi_endproc
    .size look_up, . - look_up

#elif defined(__aarch64__)

.macro BEGIN name
    .globl \name
    .type \name, %function
    .p2align 4
\name:
    .cfi_startproc
    hint #34 /* bti c, where it is known */
.endm

.macro END name
    .cfi_endproc
    .size \name, . - \name
.endm

.macro PASS_ON name number
    BEGIN \name
    adrp x16, backend_targets + 8 * \number
    ldr x16, [x16, :lo12:backend_targets + 8 * \number]
    cbz x16, 1f
    br x16
1:  mov w16, #\number
    b look_up
    END \name
.endm

.macro LOOK_UP name number
    BEGIN \name
    mov w16, #\number
    b look_up
    END \name
.endm

    .type look_up, %function
look_up:
    .cfi_startproc
    stp x29, x30, [sp, #-80]!
    .cfi_adjust_cfa_offset 80
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    mov w0, w16
    bl backend_look_up
    mov x16, x0
    ldp x0, x1, [sp, #16]
    ldp x2, x3, [sp, #32]
    ldp x4, x5, [sp, #48]
    ldp x6, x7, [sp, #64]
    ldp x29, x30, [sp], #80
    .cfi_adjust_cfa_offset -80
    .cfi_restore x29
    .cfi_restore x30
    br x16
    .cfi_endproc
    .size look_up, . - look_up

#else
#error "no stubs are written for this processor"
#endif

    .section .note.GNU-stack, "", %progbits
    .text
