// Makes the replica set and dicom-graph's user in it. For mongosh --nodb; run again, it changes nothing but the password.
const MEMBERS = ["mongodb-1:27017", "mongodb-2:27017", "mongodb-3:27017"];
const REPLICA_SET = "dicom-graph";
const TRIES = 60;

const password = require("fs").readFileSync("/run/secrets/mongodb_root_password", "utf8").trim();
const root = `root:${encodeURIComponent(password)}`;

function initiate() {
  const first = connect(`mongodb://${root}@${MEMBERS[0]}/admin?directConnection=true`);
  try {
    first.adminCommand({ replSetGetStatus: 1 });
  } catch (error) {
    if (error.codeName !== "NotYetInitialized") throw error;
    const members = MEMBERS.map((host, number) => ({ _id: number, host: host }));
    first.adminCommand({ replSetInitiate: { _id: REPLICA_SET, members: members } });
  }
}

function makeUser() {
  const database = connect(`mongodb://${root}@${MEMBERS.join()}/dicom_graph?replicaSet=${REPLICA_SET}&authSource=admin`);
  const pwd = process.env.MONGODB_PASSWORD;
  if (database.getUser("dicom-graph") === null) {
    database.createUser({ user: "dicom-graph", pwd: pwd, roles: ["readWrite"] });
  } else {
    database.updateUser("dicom-graph", { pwd: pwd });
  }
}

// At first, members are not up yet, or restart after making their root user, or have not elected a primary.
for (let tries = 1; ; tries++) {
  try {
    initiate();
    makeUser();
    break;
  } catch (error) {
    if (tries === TRIES) throw error;
    print(`not yet: ${error.codeName || error.name}`);
    sleep(1000);
  }
}
