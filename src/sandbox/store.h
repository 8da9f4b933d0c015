// Store: which pods and containers there are. One mutex, held for a look-up only. What is being made is known by its
// key (so that the same request joins), but is listed only once it is there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/container.h"
#include "sandbox/pod.h"

namespace cradle::sandbox {

class Store {
 public:
  // Takes the key for `pod`, or says who has it.
  PodRef ReservePod(const std::string& key, PodRef pod);
  void AddRecoveredPod(PodRef pod);
  void ErasePod(const Pod& pod);
  // Waits for the end of the making: `done` runs at FinishPod. False: it is no longer being made.
  bool JoinPod(const PodId& id, Done<PodId> done);
  // The pod is there (or failed): its joiners, for the caller to answer.
  std::vector<Done<PodId>> FinishPod(const PodId& id);

  ContainerRef ReserveContainer(ContainerRef made);
  void AddRecoveredContainer(ContainerRef made);
  void EraseContainer(const Container& gone);
  bool JoinContainer(const ContainerId& id, Done<ContainerId> done);
  std::vector<Done<ContainerId>> FinishContainer(const ContainerId& id);
  void ShowContainer(Container& made);

  std::vector<PodRef> Pods() const;     // those that are listed
  std::vector<PodRef> AllPods() const;  // also those being made
  std::vector<ContainerRef> Containers() const;
  std::vector<ContainerRef> ContainersOf(const PodId& pod) const;  // also those being made
  std::vector<ContainerRef> ListedContainersOf(const PodId& pod) const;
  Result<PodRef> FindPod(std::string_view id) const;               // by prefix, listed ones
  Result<ContainerRef> FindContainer(std::string_view id) const;
  PodRef PodById(const PodId& id) const;  // exact, also one being made; null
  ContainerRef ContainerById(const ContainerId& id) const;

 private:
  template <class Wanted>
  std::vector<ContainerRef> SelectOf(const PodId& pod, Wanted wanted) const;

  mutable std::mutex mutex_;
  std::map<std::string, PodRef> pods_;  // by id: a prefix is a range
  std::map<std::string, PodRef> pod_keys_;
  std::map<std::string, ContainerRef> containers_;
  std::map<std::string, ContainerRef> container_keys_;  // "<pod>/<name>/<attempt>"
  std::map<std::string, std::vector<Done<PodId>>> pod_joiners_;
  std::map<std::string, std::vector<Done<ContainerId>>> container_joiners_;
};

}  // namespace cradle::sandbox
