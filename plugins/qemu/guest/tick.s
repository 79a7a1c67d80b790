# A guest of 512 bytes, for tests: what happens to a VM can be read off what it wrote.
#
# At boot it draws a boot id from the time stamp counter and reads sector 8 of its disk; if its mark
# is there it counts on from the number in it. Every 18 ticks of the BIOS clock (about a second; every
# tick when built so, see build.sh) it writes { "TICK", number, boot id } there, and says on the first
# serial port, a line each:
#
#     B<boot id>   once, at boot
#     R<number>    once: what the disk held
#     T<number>    the disk has acknowledged this number
#     E<number>    the disk has refused it
#
# It switches itself off when the power button is pressed.
#
# In between it writes to some of its memory, so that a migration has something to copy.
        .code16
        .globl  _start
_start: cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    %dl, drive
        cld
# The power button is to be seen in the status register.
        movw    $0x602, %dx
        movw    $0x0100, %ax
        outw    %ax, %dx
        sti
        rdtsc
        movl    %eax, boot
        pushl   %eax
        movb    $'B', %al
        call    put
        popl    %eax
        call    line
# What the disk holds.
        movb    $0x42, %ah
        call    disk
        cmpl    $0x4b434954, area       # "TICK"
        je      known
        xorl    %eax, %eax
        movl    %eax, number
        movl    $0x4b434954, area
known:  movl    boot, %eax
        movl    %eax, bootin
        movb    $'R', %al
        call    put
        movl    number, %eax
        call    line
main:   movl    0x46c, %eax
        movl    %eax, last
# Dirties 256 KiB from 64 KiB on, once per tick; sleeps until the next interrupt.
wait:   movw    $0x1000, %bx
dirty:  movw    %bx, %es
        incl    %es:0
        addw    $0x100, %bx
        cmpw    $0x5000, %bx
        jb      dirty
        hlt
# Was the power button pressed? Then off it goes.
        movw    $0x600, %dx
        inw     %dx, %ax
        testb   $1, %ah
        jz      on
        movw    $0x604, %dx
        movw    $0x2000, %ax
        outw    %ax, %dx
on:
        movl    0x46c, %eax
        subl    last, %eax
        cmpl    $EVERY, %eax
        jb      wait
        incl    number
        movw    $0x4300, %ax
        call    disk
        movb    $'T', %al
        jnc     told
        movb    $'E', %al
told:   call    put
        movl    number, %eax
        call    line
        jmp     main
# %ah: 0x42 reads, 0x43 writes; carry: refused.
disk:   movb    drive, %dl
        movw    $packet, %si
        pushw   %ds
        popw    %es
        int     $0x13
        ret
# %eax in hex, and the end of the line.
line:   movw    $8, %cx
digit:  roll    $4, %eax
        pushl   %eax
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     out
        addb    $7, %al
out:    call    put
        popl    %eax
        loop    digit
        movb    $10, %al
put:    pushw   %dx
        pushw   %ax
        movw    $0x3fd, %dx
busy:   inb     %dx, %al
        testb   $0x20, %al
        jz      busy
        popw    %ax
        movw    $0x3f8, %dx
        outb    %al, %dx
        popw    %dx
        ret
        .balign 4
boot:   .long   0
last:   .long   0
drive:  .byte   0
        .balign 4
packet: .byte   16, 0
        .word   1
        .word   area, 0
        .quad   8
        .org    510
        .word   0xaa55
# The sector that is written stands behind the code, where nothing else is.
        .set    area, 0x7e00
        .set    number, 0x7e04
        .set    bootin, 0x7e08
