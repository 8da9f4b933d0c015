// Record: what a DEL needs, whatever happens in between: the list that made the attachment, all
// arguments, and the result once there is one. One file per pod, `<dir>/<pod>.json`, written whole
// and renamed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cni/network_list.h"

namespace cradle::cni {

struct Record {
  std::string pod_id;
  std::string netns;
  std::string ifname;
  std::string args;  // CNI_ARGS
  RuntimeConfig runtime;
  std::string list_file;
  std::string list_text;
  std::string result;  // of the last plugin; empty: an ADD was begun, its end is unknown
};

// "[A-Za-z0-9][A-Za-z0-9_.-]*", at most 128: what CNI_CONTAINERID and a file name may be.
Result<> CheckPodId(const std::string& pod_id);

Result<> SaveRecord(const std::string& dir, const Record& record);
// kNotFound when there is none; kInternal when it can't be read.
Result<Record> LoadRecord(const std::string& dir, const std::string& pod_id);
// Also what SaveRecord left when the daemon was killed in it.
Result<> RemoveRecord(const std::string& dir, const std::string& pod_id);
// Pods with a record, also an unreadable one.
std::vector<std::string> ListRecords(const std::string& dir);

}  // namespace cradle::cni
