// Every change that clients hear of: made and told as one. Any thread.
#include "base/clock.h"
#include "sandbox/node.h"

namespace cradle::sandbox {

bool Node::Tell(EventKind kind, const std::string& id, const Pod& pod, const std::function<bool()>& change) {
  bool changed = false;
  events_.Tell([&]() -> EventPtr {
    changed = change();
    if (!changed) return nullptr;
    auto event = std::make_shared<Event>();
    event->kind = kind;
    event->id = id;
    // Before the state is looked at: it is at least as new as this says.
    event->at = WallNanos();
    event->pod = pod.view();
    for (const ContainerRef& one : store_.ListedContainersOf(pod.id())) event->containers.push_back(one->view());
    return event;
  });
  return changed;
}

void Node::ShowPod(Pod& pod) {
  auto ready = [&] { return pod.SetPhase(Pod::Phase::kReady), true; };
  Tell(EventKind::kCreated, pod.id().str(), pod, ready);
  Tell(EventKind::kStarted, pod.id().str(), pod, [] { return true; });
}

void Node::RetirePod(Pod& pod) {
  Tell(EventKind::kStopped, pod.id().str(), pod, [&] {
    bool was_ready = pod.phase() == Pod::Phase::kReady;
    pod.SetPhase(Pod::Phase::kNotReady);
    return was_ready;
  });
}

void Node::ForgetPod(const Pod& pod) {
  Tell(EventKind::kDeleted, pod.id().str(), pod, [&] { return store_.ErasePod(pod), true; });
}

void Node::ShowContainer(Container& made) {
  Tell(EventKind::kCreated, made.id().str(), made.pod(), [&] { return store_.ShowContainer(made), true; });
}

void Node::SetRunning(Container& one, int64_t started_at) {
  Tell(EventKind::kStarted, one.id().str(), one.pod(), [&] {
    return one.ChangeFrom(State::kCreated, [&](ContainerView& view) {
      view.state = State::kRunning;
      view.started_at = started_at;
    });
  });
}

void Node::SetExited(Container& one, const container::ExitRecord& exit) {
  // The end may be told before the answer to the start is looked at.
  if (exit.started_at != 0 && !exit.start_failed) SetRunning(one, exit.started_at);
  if (Tell(EventKind::kStopped, one.id().str(), one.pod(), [&] { return one.SetExited(exit); })) one.WakeWaiters();
}

void Node::ForgetContainer(const Container& gone) {
  Tell(EventKind::kDeleted, gone.id().str(), gone.pod(), [&] { return store_.EraseContainer(gone), true; });
}

}  // namespace cradle::sandbox
