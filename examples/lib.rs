//! The examples are programs, one file each in this folder.
