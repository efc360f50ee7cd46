/*
 * What NetBSD's <sys/types.h> and its like declare on amd64, as far as our headers use it: a
 * stand-in for each of them.
 */

#ifndef NETBSD_H
#define NETBSD_H

#ifdef __cplusplus
#define NULL 0
#else
#define NULL ((void *)0)
#endif

/* 9.0. */
#define __NetBSD_Prereq__(major, minor, patch)                                               \
	(((major) * 100000000 + (minor) * 1000000 + (patch) * 100) <= 900000000)

#define __STRING(name) #name
#define __RENAME(name) __asm(__STRING(name))

typedef unsigned int u_int;
typedef unsigned long u_long;
typedef unsigned long dev_t;
typedef unsigned int gid_t;
typedef unsigned int uid_t;
typedef unsigned int id_t;
typedef unsigned int mode_t;
typedef unsigned int socklen_t;
typedef int clockid_t;
typedef int pid_t;
typedef int timer_t;
typedef enum { P_ALL, P_PID } idtype_t;
typedef __SIZE_TYPE__ size_t;
typedef long intptr_t;
typedef long off_t;
typedef long ssize_t;
typedef long time_t;
typedef struct { unsigned int bits[8]; } fd_set;
typedef struct { unsigned int bits[4]; } sigset_t;

#endif
