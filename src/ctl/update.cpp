#include "ctl/find.h"
#include "ctl/output.h"
#include "ctl/run_config.h"
#include "ctl/terminal.h"
#include "ctl/verbs.h"

namespace cradle::ctl {

Result<int> Update(Client& client, const UpdateOptions& options) {
  pb::UpdateContainerResourcesRequest request;
  pb::LinuxContainerResources& resources = *request.mutable_linux();
  TRYV(SetLimits(options.memory, options.cpus, resources));
  if (options.cpu_shares != 0) resources.set_cpu_shares(options.cpu_shares);
  resources.set_cpuset_cpus(options.cpuset_cpus);
  if (resources.ByteSizeLong() == 0) return InvalidArgument("nothing to update: no option is given");
  for (const std::string& name : options.containers) {
    request.set_container_id(TRY(FindContainer(client, name)).id());
    TRY(client.Call(&RuntimeStub::UpdateContainerResources, request));
    Print(name + "\n");
  }
  return 0;
}

}  // namespace cradle::ctl
