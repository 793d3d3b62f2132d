#!/bin/sh
# Append to the decisions log: `correctless writer` of this checkout.
door=$0
case $door in */*) ;; *) door=./$door ;; esac
while [ -L "$door" ]; do
  door_link=$(readlink "$door")
  case $door_link in /*) door=$door_link ;; *) door=${door%/*}/$door_link ;; esac
done
door_scripts=$(CDPATH='' cd -P -- "${door%/*}" && pwd -P) || exit 3
. "$door_scripts/lib/python.sh"
door_exec writer "$@"
