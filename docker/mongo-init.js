// Makes the three servers one replica set, once, and waits until there is a primary. For mongosh.
try {
    rs.status();
} catch (error) {
    if (error.codeName !== "NotYetInitialized") throw error;
    rs.initiate({_id: "rs0", members: [1, 2, 3].map(number => ({_id: number, host: `mongo-${number}:27017`}))});
}
let tries = 60;
while (!rs.status().members.some(member => member.stateStr === "PRIMARY")) {
    if (--tries === 0) throw new Error("there is no primary");
    sleep(1000);
}
