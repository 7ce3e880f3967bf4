# SPDX-License-Identifier: GPL-3.0-or-later
# AX_SIS_FLAG(VARIABLE, FLAG): append FLAG to VARIABLE when the compiler takes it without a warning.
AC_DEFUN([AX_SIS_FLAG], [
	AC_MSG_CHECKING([whether $CC takes $2])
	sis_saved_cflags=$CFLAGS
	CFLAGS="$CFLAGS -Werror $2"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[int f(void);]])], [AC_MSG_RESULT([yes]); sis_flag_ok=yes], [AC_MSG_RESULT([no]); sis_flag_ok=no])
	CFLAGS=$sis_saved_cflags
	AS_IF([test $sis_flag_ok = yes], [$1="$$1 $2"])
])
# AX_SIS_LDFLAG(VARIABLE, FLAG): the same for the linker.
AC_DEFUN([AX_SIS_LDFLAG], [
	AC_MSG_CHECKING([whether the linker takes $2])
	sis_saved_cflags=$CFLAGS; sis_saved_ldflags=$LDFLAGS
	CFLAGS="$CFLAGS -fPIE"; LDFLAGS="$LDFLAGS $2"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([])], [AC_MSG_RESULT([yes]); sis_flag_ok=yes], [AC_MSG_RESULT([no]); sis_flag_ok=no])
	CFLAGS=$sis_saved_cflags; LDFLAGS=$sis_saved_ldflags
	AS_IF([test $sis_flag_ok = yes], [$1="$$1 $2"])
])
