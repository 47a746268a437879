console.log("millrace");
